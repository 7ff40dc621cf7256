import AssentDevice
import Observation

/// Clients that may not ask on one account.
@MainActor @Observable
public final class BlockedModel {
    /// Oldest first.
    public private(set) var clients: [BlockedClient] = []
    /// What went wrong last.
    public private(set) var trouble: Trouble?

    private let core: DeviceCore
    private let account: String

    /// Of one account.
    public init(_ app: AppModel, account: String) {
        core = app.core
        self.account = account
    }

    /// Asks the server.
    public func load() async { await reloading {} }

    /// Lets a client ask again; the platform verifies the user.
    public func unblock(_ client: BlockedClient) async {
        await reloading { try await core.unblockClient(account: account, client: client.client) }
    }

    private func reloading(_ call: @MainActor () async throws -> Void) async {
        let (found, trouble) = await attempt {
            try await call()
            return try await core.blockedClients(account: account)
        }
        self.trouble = trouble
        if let found { clients = found }
    }
}
