import AssentDevice
import AssentDeviceSoftware
import Foundation
import TestSupport

let deviceInfo = DeviceInfo(name: "Anna's phone", model: "Swift", os: "any", appId: "org.example.app", appVersion: "1.0")

/// One app on one phone. `core` ends with `restart`, the ports do not.
final class Phone: Sendable {
    let ports: BentPorts
    private let settings: Settings
    private let running: Locked<DeviceCore>

    init(issuer: String = Provider.shared.issuer) {
        ports = BentPorts()
        settings = Settings(issuers: [issuer], development: true)
        running = Locked(DeviceCore(settings: settings, ports: ports.all))
    }

    var core: DeviceCore { running.now }

    func restart() { running.change { $0 = DeviceCore(settings: settings, ports: ports.all) } }

    /// Enrols and has the digits typed; returns the account.
    func join(_ subject: String) async throws -> String {
        let provider = Provider.shared
        let enrolment = try await core.enrol(ticket: provider.ticket(subject), info: deviceInfo, push: .none)
        try await provider.typeDigits(enrolment.account(), enrolment.digits().required("digits"))
        guard try await enrolment.refresh() == .active else { throw Failed("the phone did not become active") }
        return enrolment.account()
    }

    func onlyRequest(_ account: String) async throws -> ApprovalRequest {
        let requests = try await core.pending(account: account, waitSeconds: 5)
        guard requests.count == 1 else { throw Failed("\(requests.count) requests wait") }
        return requests[0]
    }

    /// The one that waits, its screen taken.
    func shownRequest(_ account: String) async throws -> ApprovalRequest {
        let request = try await onlyRequest(account)
        _ = request.display()
        return request
    }
}

/// Clients of like names would be refused, so all users are asked by one.
private let sharedBank = Task { try await Provider.shared.newClient(["client_name": "Example Bank"]) }

/// A user with a phone, and a client that asks them.
struct Joined: Sendable {
    let bank: RelyingParty
    let subject: String
    let phone = Phone()
    let account: String

    init() async throws {
        bank = try await sharedBank.value
        subject = try await Provider.shared.newUser()
        account = try await phone.join(subject)
    }
}

/// How a call fails; that it does not, or with another kind of error, fails the test.
func failure<Value>(of call: () async throws -> Value) async throws -> DeviceError {
    do {
        _ = try await call()
    } catch let error as DeviceError {
        return error
    }
    throw Failed("the call did not fail")
}

/// A method of a port.
enum PortCall: Sendable, Hashable, CaseIterable {
    case generate, sign, agree, deleteKey, load, save, deleteDocument, send, unixMillis, monotonicMillis
}

/// What happens around a phone.
struct World: Sendable {
    /// The user, before whom the platform's dialogue is.
    var consents: @Sendable (SigningReason) async throws -> Bool = { _ in true }
    /// The network.
    var send: @Sendable (HttpRequest, any Transport) async throws -> HttpResponse = { try await $1.send(request: $0) }
    /// Told of each asynchronous call of a port before it is made.
    var beforeCall: @Sendable (PortCall) async throws -> Void = { _ in }
    /// What the vault makes of a signature.
    var signature: @Sendable (Data, SigningReason) -> Data = { signature, _ in signature }
    /// Calls that fail, and how.
    var fails: [PortCall: any Error] = [:]
    /// How far the wall clock is ahead, in seconds.
    var ahead: Int64 = 0
    /// Keys that the platform has made unusable.
    var invalidated: Set<String> = []
}

/// All four ports in software, in a world that tests bend.
final class BentPorts: KeyVault, SecureStore, Transport, AssentDevice.Clock {
    let world = Locked(World())
    let reasons = Locked<[SigningReason]>([])
    let purposes = Locked<[String: KeyPurpose]>([:])
    let vault: SoftwareKeyVault
    private let store = MemoryStore()
    private let clock = SystemClock()

    init() {
        let world = world
        vault = SoftwareKeyVault { try await world.now.consents($0) }
    }

    var all: Ports { Ports(vault: self, store: self, transport: self, clock: self) }

    /// How often the user was asked to approve.
    var approvals: Int { reasons.now.count { if case .approval = $0 { true } else { false } } }

    /// The keys that were made until now cannot be used any more: those that ask the user, or all.
    func invalidate(onlyVerified: Bool) async {
        for (alias, purpose) in purposes.now {
            if !onlyVerified { await vault.delete(alias: alias) }
            if onlyVerified, purpose == .verified { world.change { _ = $0.invalidated.insert(alias) } }
        }
    }

    /// Nothing is bent any more.
    func work() { world.change { $0 = World(ahead: $0.ahead, invalidated: $0.invalidated) } }

    private func reach(_ call: PortCall) async throws {
        try await world.now.beforeCall(call)
        try failOr(call)
    }

    private func failOr(_ call: PortCall) throws {
        if let error = world.now.fails[call] { throw error }
    }

    func generate(alias: String, purpose: KeyPurpose, protection: KeyProtection) async throws -> Data {
        try await reach(.generate)
        purposes.change { $0[alias] = purpose }
        return try await vault.generate(alias: alias, purpose: purpose, protection: protection)
    }

    func sign(alias: String, message: Data, reason: SigningReason) async throws -> Data {
        try await reach(.sign)
        if world.now.invalidated.contains(alias) { throw VaultError.KeyInvalidated }
        reasons.change { $0.append(reason) }
        return try await world.now.signature(vault.sign(alias: alias, message: message, reason: reason), reason)
    }

    func agree(alias: String, peer: Data) async throws -> Data {
        try await reach(.agree)
        return try await vault.agree(alias: alias, peer: peer)
    }

    func delete(alias: String) async throws {
        try await reach(.deleteKey)
        await vault.delete(alias: alias)
    }

    func load(name: String) async throws -> Data? {
        try await reach(.load)
        return await store.load(name: name)
    }

    func save(name: String, content: Data) async throws {
        try await reach(.save)
        await store.save(name: name, content: content)
    }

    /// Half of a document, as of a write that did not end.
    func damage() async throws { await store.save(name: "assent-device", content: Data("{".utf8)) }

    func delete(name: String) async throws {
        try await reach(.deleteDocument)
        await store.delete(name: name)
    }

    func send(request: HttpRequest) async throws -> HttpResponse {
        try await reach(.send)
        return try await world.now.send(request, http)
    }

    func unixMillis() throws -> Int64 {
        try failOr(.unixMillis)
        return clock.unixMillis() + world.now.ahead * 1_000
    }

    func monotonicMillis() throws -> Int64 {
        try failOr(.monotonicMillis)
        return clock.monotonicMillis()
    }
}

private let http = URLSessionTransport()
