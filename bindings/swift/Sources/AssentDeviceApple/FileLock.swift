import AssentDevice
import Foundation

/// Keeps app and extensions apart by `flock` on a file that they share. The system lets go of it when a process ends.
///
/// Apple ends an app that is suspended while it holds such a lock (`0xdead10cc`), so the system is asked to wait until it is
/// given back. The core holds it for one reading and writing of the stored state, never while it waits for a user or a server.
public final class FileLock: Lock {
    private let path: String
    private let patience: Duration
    private let held = Held()

    /// - Parameters:
    ///   - path: a file in a folder that all processes reach. It is made when it is first needed, and stays empty.
    ///   - patience: after how long it is `Held`.
    public init(path: String, patience: Duration = .seconds(5)) {
        self.path = path
        self.patience = patience
    }

    /// Waits for the lock. A task that is cancelled meanwhile does not get it.
    public func acquire() async throws {
        let attempt = try Attempt(path, patience)
        while try !attempt.succeeds() { try await Task.sleep(for: .milliseconds(20)) }
        try Task.checkCancellation()
        held.put(attempt.kept())
    }

    /// Waits for the lock on this thread.
    func acquireBlocking() throws(LockError) {
        let attempt = try Attempt(path, patience)
        while try !attempt.succeeds() { Thread.sleep(forTimeInterval: 0.02) }
        held.put(attempt.kept())
    }

    /// Gives the lock back.
    public func release() throws(LockError) {
        guard held.end() else { throw .Unexpected(detail: "nobody here holds the lock") }
    }
}

/// One open file that is locked, or is to be. Closing it is giving up.
private final class Attempt {
    private let path: String
    private let end: ContinuousClock.Instant
    private var file: CInt?

    init(_ path: String, _ patience: Duration) throws(LockError) {
        self.path = path
        end = .now + patience
        let file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw LockError(errno) }
        self.file = file
    }

    deinit { file.map { _ = close($0) } }

    func succeeds() throws(LockError) -> Bool {
        guard let file else { return false }
        if flock(file, LOCK_EX | LOCK_NB) == 0 { return true }
        let code = errno
        guard code == EWOULDBLOCK || code == EINTR else { throw LockError(code) }
        guard .now < end else { throw .Held }
        return false
    }

    /// The file, which is the caller's to close from now on.
    func kept() -> CInt? {
        defer { file = nil }
        return file
    }
}

/// The locked file, and the system's leave to run until it is closed.
private final class Held: @unchecked Sendable {
    private let lock = NSLock()
    private var file: CInt?
    private var activity: Activity?

    func put(_ file: CInt?) {
        lock.withLock {
            self.file = file
            activity = Activity("the stored state is being written")
        }
    }

    func end() -> Bool {
        lock.withLock {
            guard let file else { return false }
            close(file)
            self.file = nil
            activity?.end()
            activity = nil
            return true
        }
    }
}

/// Keeps the system from suspending the process until it is ended. A Mac suspends none.
private struct Activity {
    private let ended = DispatchSemaphore(value: 0)

    init(_ reason: String) {
        #if !os(macOS)
            ProcessInfo.processInfo.performExpiringActivity(withReason: reason) { [ended] expired in
                if !expired { ended.wait() }
            }
        #endif
    }

    func end() { ended.signal() }
}

extension LockError {
    fileprivate init(_ code: CInt) { self = .Unexpected(detail: String(cString: strerror(code))) }
}
