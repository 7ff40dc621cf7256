import AssentDeviceCore

extension DeviceCore {
    /// Waits until the six digits were typed; returns how the enrolment ended.
    ///
    /// - Parameters:
    ///   - account: The account's id, as `Enrolment.account()` says it.
    ///   - interval: How long to wait between two questions to the server.
    public func awaitEnrolment(account: String, every interval: Duration = .seconds(2)) async throws -> EnrolmentState {
        let enrolment = try await enrolment(account: account)
        while true {
            let state = try await enrolment.refresh()
            if state != .unconfirmed { return state }
            try await Task.sleep(for: interval)
        }
    }
}
