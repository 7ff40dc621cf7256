import AssentDeviceCore

/// For how long the server may hold a call while nothing waits.
private let longPollSeconds: UInt32 = 25

extension DeviceCore {
    /// What waits for an answer on an account, newly told whenever that changed; the first list comes at once, also an
    /// empty one.
    ///
    /// ```swift
    /// for try await requests in core.requests(account: account) {
    ///     show(requests)
    /// }
    /// ```
    ///
    /// The server is asked while somebody awaits the next list: by one call that it holds for up to 25 seconds while nothing
    /// waits, every two seconds otherwise. Failures that pass by themselves, a phone without a network for one, are waited
    /// out. Any other ends the sequence as a ``AssentDeviceCore/DeviceError``. A cancelled task ends it, and the call under
    /// way, by a `CancellationError`.
    ///
    /// - Parameters:
    ///   - account: The account's id, as in `accounts()`.
    ///   - waiting: Hears of each failure that is waited out, and of how long.
    public func requests(
        account: String, waiting: @escaping @Sendable (DeviceError, Duration) -> Void = { _, _ in }
    ) -> WaitingRequests {
        WaitingRequests(core: self, account: account, waiting: waiting)
    }
}

/// The requests that wait on an account, each time that they change. See ``AssentDeviceCore/DeviceCore/requests(account:waiting:)``.
public struct WaitingRequests: AsyncSequence, Sendable {
    /// All that wait, oldest first.
    public typealias Element = [ApprovalRequest]

    let core: DeviceCore
    let account: String
    let waiting: @Sendable (DeviceError, Duration) -> Void

    /// Begins with what waits now.
    public func makeAsyncIterator() -> Iterator { Iterator(asked: self) }

    /// Asks the server whenever the next list is awaited.
    public struct Iterator: AsyncIteratorProtocol {
        let asked: WaitingRequests
        private var told: [String]?
        private var failures = 0
        private var ended = false

        init(asked: WaitingRequests) { self.asked = asked }

        /// The next list that differs from the last one; `nil` after a failure.
        public mutating func next() async throws -> [ApprovalRequest]? {
            if ended { return nil }
            do {
                return try await change()
            } catch {
                ended = true
                throw error
            }
        }

        private mutating func change() async throws -> [ApprovalRequest] {
            while true {
                guard let found = try await ask() else { continue }
                let ids = found.map { $0.id() }
                if ids != told {
                    told = ids
                    return found
                }
                // The server holds no call while something waits: no faster than this while the user thinks about it.
                if !ids.isEmpty { try await Task.sleep(for: .seconds(2)) }
            }
        }

        /// `nil` after a failure that was waited out.
        private mutating func ask() async throws -> [ApprovalRequest]? {
            do {
                // With something told, that nothing waits any more is news, too.
                let wait = told?.isEmpty == true ? longPollSeconds : 0
                let found = try await asked.core.pending(account: asked.account, waitSeconds: wait)
                failures = 0
                return found
            } catch let failure as DeviceError {
                guard let atLeast = failure.retryAfter else { throw failure }
                let pause = Swift.max(atLeast, backoff(failures))
                failures += 1
                asked.waiting(failure, pause)
                try await Task.sleep(for: pause)
                return nil
            }
        }
    }
}

/// One second, twice as long with each failure, two minutes at most.
private func backoff(_ failures: Int) -> Duration { min(.seconds(120), .seconds(1 << min(failures, 7))) }
