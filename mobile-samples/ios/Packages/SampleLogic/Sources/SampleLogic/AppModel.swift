import AssentDevice
import Foundation
import Observation

/// The app as a whole: its accounts, what waits on them, and what the user should know.
@MainActor @Observable
public final class AppModel {
    /// All calls go to this.
    public let core: DeviceCore
    /// Whose accounts it adds.
    public let issuers: [String]
    /// What the phone says of itself.
    public let info: DeviceInfo
    /// Where pushes go.
    public let push: PushModel

    /// Oldest first, those that ended among them.
    public private(set) var accounts: [Account] = []
    /// What waits, account by account, oldest first.
    public private(set) var requests: [ApprovalRequest] = []
    /// What other phones approved, and the user may still say that it was not them.
    public private(set) var approvedElsewhere: [Entry] = []
    /// What went wrong with single accounts, by their ids.
    public private(set) var troubles: [String: Trouble] = [:]
    /// What went wrong as a whole.
    public private(set) var trouble: Trouble?
    /// How often the app was opened. Watching begins anew with each time.
    private var openings = 0

    /// What `watch` is to be called for, anew whenever it changes.
    public struct Watch: Hashable, Sendable {
        /// The accounts' ids.
        public let accounts: [String]
        fileprivate let opening: Int
    }

    /// - Parameters:
    ///   - core: One for the whole app.
    ///   - issuers: Whose accounts it adds, as in its settings.
    ///   - info: What the phone says of itself when it enrols.
    ///   - defaults: Where settings are kept that are no secret.
    public init(core: DeviceCore, issuers: [String], info: DeviceInfo, defaults: UserDefaults = .standard) {
        self.core = core
        self.issuers = issuers
        self.info = info
        push = PushModel(core: core, defaults: defaults)
    }

    /// The app started, came to the front, or has a network again.
    public func opened() async {
        openings += 1
        await catchUp()
    }

    private func catchUp() async {
        await guarded {
            let synced = try await core.sync(push: push.target)
            troubles = [:]
            for account in synced { troubles[account.account] = account.failure.map { Trouble(code: $0.code) } }
            requests = synced.flatMap(\.requests)
            push.policies = Dictionary(uniqueKeysWithValues: synced.compactMap { one in one.policy.map { (one.account, $0) } })
            accounts = try await core.accounts()
        }
        await lookElsewhere()
    }

    /// The active accounts.
    public var watched: Watch { Watch(accounts: accounts.filter { $0.state == .active }.map(\.id), opening: openings) }

    /// Looks for requests on these accounts for as long as this task lives: what a phone without pushes does. With an account
    /// that fails in a way that does not pass by itself, it ends until the app is opened again.
    public func watch(_ watched: Watch) async {
        await withDiscardingTaskGroup { group in
            for account in watched.accounts { group.addTask { await self.watch(account) } }
        }
    }

    private func watch(_ account: String) async {
        do {
            for try await waiting in core.requests(account: account) { replace(account, by: waiting) }
        } catch is CancellationError {
        } catch {
            // It may have ended by the server's word; `sync` learns why.
            troubles[account] = Trouble(error)
            await catchUp()
        }
    }

    /// A push came while the app runs, or its notification was tapped.
    public func pushed(_ data: [String: String]) async {
        await guarded {
            for request in try await core.openPush(data: data) where !requests.contains(where: { $0.id() == request.id() }) {
                requests.append(request)
            }
        }
    }

    /// The request of a tapped notification, to be shown at once.
    public func tapped(account: String, prompt: String) async -> ApprovalRequest? {
        await guarded { try await core.fetchPrompt(account: account, id: prompt) }
    }

    /// The user said *this is not me* on the notification of a sealed push. That is stored first, so that it is sent once there
    /// is a network, whatever comes between.
    public func denied(_ data: [String: String], by opener: any NoticeOpenerProtocol) async {
        let stored: Void? = await guarded {
            // It waits for the app's lock, if it must, on a thread that may.
            try await Task.detached { try opener.handOverDenial(data: data, reason: .notMe) }.value
        }
        if stored != nil { await opened() }
    }

    /// A request was answered, or is over: it leaves the list.
    public func left(_ request: ApprovalRequest) { requests.removeAll { $0.id() == request.id() } }

    /// Leaves an account: its server is told first.
    public func forget(_ account: String) async { await ending(account) { try await core.forget(account: account) } }

    /// Takes an account that ended off the list.
    public func wipe(_ account: String) async { await ending(account) { try await core.wipe(account: account) } }

    /// Starts anew where what is stored cannot be read.
    public func discardDamagedState() async {
        await guarded { try await core.discardDamagedState() }
        if trouble == nil { await opened() }
    }

    /// New keys for approvals, in place of those that ended or to be on the safe side. `awaiting`: another phone must agree, or a
    /// new sign-in; calling again learns how that ended.
    public func renewKeys(_ account: String) async -> RotationState? {
        let renewed = await guarded {
            try await core.rotateKeys(account: account, which: KeysToRotate(device: false, verified: true, sealing: false))
        }
        if renewed == .done { troubles[account] = nil }
        return renewed
    }

    private func ending(_ account: String, _ call: @MainActor () async throws -> Void) async {
        await guarded {
            try await call()
            accounts = try await core.accounts()
            requests.removeAll { $0.account() == account }
            approvedElsewhere.removeAll { $0.account == account }
            troubles[account] = nil
        }
    }

    private func replace(_ account: String, by waiting: [ApprovalRequest]) {
        let known = requests.filter { $0.account() == account }
        // The object that is on the screen stays: digits typed into it are in it.
        let kept = waiting.map { new in known.first { $0.id() == new.id() } ?? new }
        requests = requests.filter { $0.account() != account } + kept
    }

    /// Nothing that fails here is worth a word: the history says it, too.
    private func lookElsewhere() async {
        var found: [Entry] = []
        for account in accounts where account.state == .active {
            guard let page = try? await core.history(account: account.id, before: nil) else { continue }
            found += page.entries.map { Entry(account: account.id, $0) }
        }
        approvedElsewhere = found.filter { $0.mayObject && !$0.what.onThisPhone && $0.what.outcome == .approved }
    }

    @discardableResult
    private func guarded<Answer>(_ call: @MainActor () async throws -> Answer) async -> Answer? {
        let (answer, trouble) = await attempt(call)
        self.trouble = trouble
        return answer
    }
}
