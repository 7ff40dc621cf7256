import AssentDevice
import Observation

/// One request that was answered, and by which account.
public struct Entry: Equatable, Identifiable, Sendable {
    /// The account, as in `accounts()`.
    public let account: String
    /// What was asked and answered.
    public let what: HistoryEntry

    init(account: String, _ what: HistoryEntry) { (self.account, self.what) = (account, what) }

    /// Unique among those of one account, as long as no two were answered in one second by one client.
    public var id: String { "\(account) \(what.client) \(what.askedAt) \(what.answeredAt) \(what.message ?? "")" }

    /// Whether to offer *this was not me*.
    public var mayObject: Bool { what.prompt != nil }

    /// What was answered, why and where, in a line.
    public var wording: String {
        let reason = what.reason.map { ": \($0.wording)" } ?? ""
        let place = what.onThisPhone ? "on this phone" : "on \(what.deviceName.isEmpty ? "another phone" : what.deviceName)"
        return "\(what.outcome.wording)\(reason), \(place)"
    }
}

/// What the user answered on one account, newest first.
@MainActor @Observable
public final class HistoryModel {
    /// What was loaded so far.
    public private(set) var entries: [Entry] = []
    /// Whether there is more.
    public private(set) var hasMore = true
    /// What went wrong last.
    public private(set) var trouble: Trouble?

    private let core: DeviceCore
    private let account: String
    private var older: UInt64?

    /// Of one account.
    public init(_ app: AppModel, account: String) {
        core = app.core
        self.account = account
    }

    /// Loads the first page anew.
    public func load() async {
        (entries, hasMore, older) = ([], true, nil)
        await more()
    }

    /// Loads the next page.
    public func more() async {
        guard hasMore else { return }
        await guarded {
            let page = try await core.history(account: account, before: older)
            entries += page.entries.map { Entry(account: account, $0) }
            older = page.older
            hasMore = page.older != nil
        }
    }

    /// *This was not me*: takes an approval back, or disputes it. Asks nothing of the user.
    public func object(_ entry: Entry) async -> Outcome? {
        guard let prompt = entry.what.prompt else { return nil }
        let outcome = await guarded { try await core.object(account: entry.account, prompt: prompt) }
        if outcome != nil { await load() }
        return outcome
    }

    @discardableResult
    private func guarded<Answer>(_ call: @MainActor () async throws -> Answer) async -> Answer? {
        let (answer, trouble) = await attempt(call)
        self.trouble = trouble
        return answer
    }
}
