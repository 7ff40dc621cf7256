import AssentDevice
import Foundation
import Testing

@testable import AssentDeviceApple

@Suite struct LockTests {
    let path = NSTemporaryDirectory() + "assent-lock-\(UUID().uuidString)"

    @Test func whoeverComesSecondWaitsUntilItIsGivenBack() async throws {
        let (first, second) = (FileLock(path: path), FileLock(path: path))
        try await first.acquire()
        let waiting = Task { try await second.acquire() }
        try first.release()
        try await waiting.value
        try second.release()
    }

    @Test func aLockThatStaysHeldIsHeld() async throws {
        let (first, second) = (FileLock(path: path), FileLock(path: path, patience: .zero))
        try await first.acquire()
        await #expect(throws: LockError.Held) { try await second.acquire() }
        #expect(throws: LockError.Held) { try second.acquireBlocking() }
        try first.release()
        try second.acquireBlocking()
        try second.release()
    }

    @Test func anotherProcessIsKeptOut() async throws {
        let lock = FileLock(path: path)
        try await lock.acquire()
        #expect(try takenByAnotherProcess() == false)
        try lock.release()
        #expect(try takenByAnotherProcess())
    }

    @Test func aCancelledTaskHoldsNothing() async throws {
        let (first, second) = (FileLock(path: path), FileLock(path: path, patience: .seconds(60)))
        try await first.acquire()
        let waiting = Task { try await second.acquire() }
        waiting.cancel()
        await #expect(throws: CancellationError.self) { try await waiting.value }
        try first.release()
        try first.acquireBlocking()
        try first.release()
    }

    @Test func onlyWhatIsHeldIsGivenBack() throws {
        #expect(throws: LockError.self) { try FileLock(path: path).release() }
        #expect(throws: LockError.self) { try FileLock(path: "/no/such/folder").acquireBlocking() }
    }

    /// `flock` of util-linux: status 1 where somebody holds the file.
    private func takenByAnotherProcess() throws -> Bool {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/flock")
        process.arguments = ["--nonblock", path, "true"]
        try process.run()
        process.waitUntilExit()
        return process.terminationStatus == 0
    }
}
