import AssentDevice
import AssentDeviceApple
import AssentDeviceSoftware
import Foundation
import SampleLogic

let deviceInfo = DeviceInfo(name: "Anna's iPhone", model: "iPhone", os: "iOS 18", appId: "org.assent.sample", appVersion: "1.0")

/// What happens around a phone.
struct World: Sendable {
    /// Whether the user consents, before whom the platform's dialogue is.
    var consents = true
    /// Whether there is a network.
    var online = true
    /// Whether that of a hotel answers in the server's place.
    var captive = false
    /// The keys that were bound to biometrics.
    var bound: Set<String> = []
    /// Those of them that the platform has ended.
    var ended: Set<String> = []
    /// What the dialogues said, as reasons.
    var reasons: [SigningReason] = []
}

/// A phone in software but for its lock, in a world that tests bend. `core` ends with `restart`, the rest does not.
final class Phone: KeyVault, Transport {
    let world = Locked(World())
    private let vault: SoftwareKeyVault
    private let store = MemoryStore()
    private let suite = "assent-sample-\(UUID().uuidString)"
    private let lock = FileLock(path: NSTemporaryDirectory() + "assent-sample-\(UUID().uuidString)")
    private let running = Locked<DeviceCore?>(nil)

    init() {
        let world = world
        vault = SoftwareKeyVault { reason in
            world.change { $0.reasons.append(reason) }
            return world.now.consents
        }
        restart()
    }

    var core: DeviceCore { running.now! }

    func restart() {
        let ports = Ports(vault: self, store: store, transport: self, clock: SystemClock(), lock: lock)
        let settings = Settings(issuers: [Provider.shared.issuer], development: true)
        running.change { $0 = DeviceCore(settings: settings, ports: ports) }
    }

    /// What the dialogues said.
    var dialogues: [String] { world.now.reasons.map(\.wording) }

    /// The app, as after a start.
    @MainActor func start() -> AppModel {
        AppModel(core: core, issuers: [Provider.shared.issuer], info: deviceInfo, defaults: UserDefaults(suiteName: suite)!)
    }

    /// Another face or finger is added.
    func changeBiometrics() { world.change { $0.ended = $0.bound } }

    /// Enrols and has the digits typed; returns the account.
    func join(_ subject: String) async throws -> String {
        let enrolment = try await core.enrol(ticket: Provider.shared.ticket(subject), info: deviceInfo, push: .none)
        try await Provider.shared.typeDigits(enrolment.account(), enrolment.digits().required("digits"))
        guard try await enrolment.refresh() == .active else { throw Failed("the phone did not become active") }
        return enrolment.account()
    }

    func generate(alias: String, purpose: KeyPurpose, protection: KeyProtection) async throws -> Data {
        if purpose == .verified { world.change { _ = $0.bound.insert(alias) } }
        return try await vault.generate(alias: alias, purpose: purpose, protection: protection)
    }

    func sign(alias: String, message: Data, reason: SigningReason) async throws -> Data {
        if world.now.ended.contains(alias) { throw VaultError.KeyInvalidated }
        return try await vault.sign(alias: alias, message: message, reason: reason)
    }

    func agree(alias: String, peer: Data) async throws -> Data { try await vault.agree(alias: alias, peer: peer) }

    func delete(alias: String) async throws { await vault.delete(alias: alias) }

    func send(request: HttpRequest) async throws -> HttpResponse {
        guard world.now.online else { throw TransportError.Unreachable(detail: "no network") }
        if world.now.captive { throw TransportError.UntrustedCertificate(detail: "of the hotel") }
        return try await http.send(request: request)
    }
}

private let http = URLSessionTransport()
