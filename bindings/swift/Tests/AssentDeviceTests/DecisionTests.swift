import AssentDevice
import AssentDeviceSoftware
import Foundation
import TestSupport
import Testing

/// One prompt comes to one decision, whatever happens at once or in between.
@Suite struct DecisionTests {
    @Test func approvingAndDenyingAtOnceGivesOneDecision() async throws {
        let joined = try await Joined()
        for _ in 1...8 {
            let asked = try await joined.bank.asked(joined.subject)
            let request = try await joined.phone.shownRequest(joined.account)
            async let approved = outcome { try await joined.phone.core.approve(request: request) }
            async let denied = outcome { try await joined.phone.core.deny(request: request, reason: .cancelled) }
            let outcomes = try await [approved, denied]
            let stands = try #require(request.receipt()?.outcome)
            #expect(outcomes.compactMap { try? $0.get() } == [stands])
            let refused = outcomes.compactMap { if case .failure(let error) = $0 { error.code } else { nil } }
            #expect(Set(refused).isSubset(of: ["busy", "already_answered"]))
            #expect(try await joined.bank.poll(asked) == (stands == .approved ? "tokens" : "access_denied"))
            #expect(try await joined.phone.core.history(account: joined.account, before: nil).entries.first?.outcome == stands)
        }
    }

    private func outcome(_ call: () async throws -> Outcome) async throws -> Result<Outcome, DeviceError> {
        do { return .success(try await call()) } catch let error as DeviceError { return .failure(error) }
    }

    @Test func objectsServeManyTasksAtOnce() async throws {
        let joined = try await Joined()
        _ = try await joined.bank.asked(joined.subject)
        let (core, account) = (joined.phone.core, joined.account)
        let request = try await joined.phone.onlyRequest(account)
        try await withThrowingTaskGroup(of: Bool.self) { group in
            for _ in 1...6 {
                group.addTask { try await core.accounts().count == 1 }
                group.addTask { try await core.pending(account: account, waitSeconds: 0).map { $0.id() } == [request.id()] }
                group.addTask { try await core.sync(push: nil).first?.failure == nil }
                group.addTask { try await core.history(account: account, before: nil).entries.isEmpty }
                group.addTask { try await core.fetchPrompt(account: account, id: request.id()).display().lines.count == 2 }
                group.addTask { request.display().lines.count == 2 && request.receipt() == nil }
            }
            for try await holds in group { #expect(holds) }
        }
    }

    @Test func severalAccountsJoinAtOnce() async throws {
        let phone = Phone()
        let joined = try await withThrowingTaskGroup(of: String.self) { group in
            for _ in 1...4 { group.addTask { try await phone.join(Provider.shared.newUser()) } }
            return try await group.reduce(into: Set()) { $0.insert($1) }
        }
        #expect(try await Set(phone.core.accounts().map(\.id)) == joined)
        #expect(joined.count == 4)
    }

    @Test func aProcessThatDiesBetweenSigningAndSendingIsMadeGoodBySync() async throws {
        let joined = try await Joined()
        let asked = try await joined.bank.asked(joined.subject)
        let dead = try await dies(joined) { request in request.url.hasSuffix("/decision") }
        defer { dead.cancel() }
        #expect(try await joined.bank.poll(asked) == "authorization_pending")
        joined.phone.restart()
        let synced = try await joined.phone.core.sync(push: nil)
        #expect(synced.map(\.concluded) == [1])
        #expect(try await joined.bank.poll(asked) == "tokens")
        #expect(joined.phone.ports.approvals == 1)
    }

    @Test func aReplyThatIsLostIsMadeGoodWithoutAskingTheUserAgain() async throws {
        let joined = try await Joined()
        let asked = try await joined.bank.asked(joined.subject)
        let request = try await joined.phone.shownRequest(joined.account)
        joined.phone.ports.world.change {
            $0.send = { request, transport in
                let response = try await transport.send(request: request)
                if request.url.hasSuffix("/decision") { throw TransportError.TimedOut }
                return response
            }
        }
        let lost = try await failure { try await joined.phone.core.approve(request: request) }
        #expect(lost.code == "unreachable")
        #expect(lost.retryAfter != nil)
        joined.phone.ports.work()
        #expect(try await joined.phone.core.approve(request: request) == .approved)
        #expect(try await joined.bank.poll(asked) == "tokens")
        #expect(joined.phone.ports.approvals == 1)
    }

    /// Approves; from the call on that `last` names, nothing happens any more. Returns the task that never ends.
    private func dies(_ joined: Joined, at last: @escaping @Sendable (HttpRequest) -> Bool) async throws -> Task<Void, any Error> {
        let request = try await joined.phone.shownRequest(joined.account)
        let reached = Locked(false)
        joined.phone.ports.world.change {
            $0.send = { request, transport in
                guard last(request) else { return try await transport.send(request: request) }
                reached.change { $0 = true }
                while true { try await Task.sleep(for: .seconds(600)) }
            }
        }
        let dying = Task { _ = try await joined.phone.core.approve(request: request) }
        try await eventually("the last call") { reached.now }
        joined.phone.ports.work()
        return dying
    }

    @Test func whatIsNotUsedAnyMoreIsReleasedWithItsPorts() async throws {
        weak var ports: BentPorts?
        do {
            let phone = Phone()
            ports = phone.ports
            _ = try await phone.core.accounts()
            _ = try await failure { try await phone.core.pending(account: "none", waitSeconds: 0) }
            #expect(ports != nil)
        }
        try await eventually("the ports are released") { ports == nil }
    }

    @Test func aRequestOutlivesTheCoreItCameFrom() async throws {
        let joined = try await Joined()
        let asked = try await joined.bank.asked(joined.subject)
        let request = try await joined.phone.shownRequest(joined.account)
        joined.phone.restart()
        #expect(try await joined.phone.core.approve(request: request) == .approved)
        #expect(try await joined.bank.poll(asked) == "tokens")
    }
}
