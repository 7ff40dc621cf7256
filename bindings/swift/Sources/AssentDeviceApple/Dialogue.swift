import Foundation

/// The platform's dialogue for one signature: what it says, and how it is taken away if nobody waits for the answer any more.
final class Dialogue: @unchecked Sendable {
    /// Says why the user is asked, in their language.
    let reason: String

    private let lock = NSLock()
    private var taking: (@Sendable () -> Void)?
    private var dismissed = false

    init(saying reason: String) { self.reason = reason }

    /// It can be taken away by this from now on; at once, if that was asked for before.
    func appears(takenAwayBy taking: @escaping @Sendable () -> Void) {
        let late = lock.withLock {
            self.taking = taking
            return dismissed
        }
        if late { taking() }
    }

    /// Takes it away.
    func dismiss() {
        let taking = lock.withLock {
            dismissed = true
            return self.taking
        }
        taking?()
    }
}

/// Lets a call that blocks wait on a thread that may: Swift's own are too few to be held up by a dialogue.
func onThreadOfItsOwn<Answer: Sendable>(_ call: @escaping @Sendable () throws -> Answer) async throws -> Answer {
    try await withCheckedThrowingContinuation { continuation in
        DispatchQueue.global(qos: .userInitiated).async { continuation.resume(with: Result(catching: call)) }
    }
}
