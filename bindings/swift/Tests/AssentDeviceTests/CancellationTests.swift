import AssentDevice
import AssentDeviceSoftware
import Foundation
import TestSupport
import Testing

/// A call that is cancelled ends at once, whatever it waits for, and can be made again.
@Suite struct CancellationTests {
    @Test func aLongPollEndsWithItsTask() async throws {
        let joined = try await Joined()
        let (reached, ended) = (Locked(false), Locked(false))
        joined.phone.ports.world.change {
            $0.send = { request, transport in
                reached.change { $0 = true }
                defer { ended.change { $0 = true } }
                return try await transport.send(request: request)
            }
        }
        let polling = Task { try await joined.phone.core.pending(account: joined.account, waitSeconds: 25) }
        try await eventually("the call is made") { reached.now }
        polling.cancel()
        await #expect(throws: CancellationError.self) { try await polling.value }
        try await eventually("the transport is told") { ended.now }
    }

    @Test func theSequenceEndsWithItsTask() async throws {
        let joined = try await Joined()
        let told = Locked(0)
        let following = Task {
            for try await _ in joined.phone.core.requests(account: joined.account) { told.change { $0 += 1 } }
        }
        try await eventually("the first list") { told.now == 1 }
        following.cancel()
        await #expect(throws: CancellationError.self) { try await following.value }
    }

    @Test func aTaskThatIsCancelledBeforeTouchesNoPort() async throws {
        let joined = try await Joined()
        joined.phone.restart()
        let calls = Locked(0)
        joined.phone.ports.world.change { $0.beforeCall = { _ in calls.change { $0 += 1 } } }
        let cancelled = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            _ = try await joined.phone.core.accounts()
        }
        await #expect(throws: CancellationError.self) { try await cancelled.value }
        #expect(calls.now == 0)
    }

    @Test func thePlatformsDialogueIsToldAndTheUserMayApproveLater() async throws {
        let joined = try await Joined()
        let asked = try await joined.bank.asked(joined.subject)
        let request = try await joined.phone.shownRequest(joined.account)
        let (reached, dismissed) = (Locked(false), Locked(false))
        joined.phone.ports.world.change {
            $0.consents = { _ in
                reached.change { $0 = true }
                defer { dismissed.change { $0 = true } }
                try await Task.sleep(for: .seconds(600))
                return true
            }
        }
        let approving = Task { try await joined.phone.core.approve(request: request) }
        try await eventually("the dialogue") { reached.now }
        approving.cancel()
        await #expect(throws: CancellationError.self) { try await approving.value }
        try await eventually("the dialogue is dismissed") { dismissed.now }
        joined.phone.ports.work()
        #expect(try await joined.phone.core.approve(request: request) == .approved)
        #expect(try await joined.bank.poll(asked) == "tokens")
    }

    /// Every call of a port in an approval is a place to be cancelled at.
    @Test func anApprovalIsTakenUpAgainWhereverItWasCancelled() async throws {
        let joined = try await Joined()
        let ports = joined.phone.ports
        for step in 1...100 {
            let asked = try await joined.bank.asked(joined.subject)
            let request = try await joined.phone.shownRequest(joined.account)
            let before = ports.approvals
            let (made, reached) = (Locked(0), Locked(false))
            ports.world.change {
                $0.beforeCall = { _ in
                    guard made.change({ $0 += 1; return $0 }) == step else { return }
                    reached.change { $0 = true }
                    try await Task.sleep(for: .seconds(600))
                }
            }
            let approving = Task { try await joined.phone.core.approve(request: request) }
            let ended = Task { try await approving.value }
            try await eventually("step \(step)") { reached.now || request.receipt() != nil }
            if request.receipt() != nil {
                #expect(try await ended.value == .approved)
                #expect(step > 5, "an approval asks more of its ports than this")
                return
            }
            approving.cancel()
            await #expect(throws: CancellationError.self) { try await ended.value }
            ports.work()
            #expect(try await joined.phone.core.approve(request: request) == .approved, "step \(step)")
            #expect(try await joined.bank.poll(asked) == "tokens", "step \(step)")
            #expect((1...2).contains(ports.approvals - before), "step \(step)")
        }
        Issue.record("an approval never ended")
    }
}
