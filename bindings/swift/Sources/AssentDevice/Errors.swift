import AssentDeviceCore

extension DeviceError {
    /// A stable word for the condition, for logs and metrics, such as `unreachable`. Texts are for logs, not for users.
    public var code: String { errorCode(error: self) }

    /// What helps.
    public var advice: Advice { errorAdvice(error: self) }

    /// After how long the same call may be made again without anybody's help; `nil` where that would not help.
    public var retryAfter: Duration? {
        switch advice {
        case .after(let seconds): .seconds(Int64(seconds))
        case .withFreshNonce: .zero
        case .never, .userAction: nil
        }
    }
}
