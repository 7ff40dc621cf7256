import AssentDevice
import AssentDeviceSoftware
import Foundation
import TestSupport
import Testing

@testable import AssentDeviceApple

/// A keychain whose keys are true ones, in software.
private final class WorkingKeychain: Keychain {
    private let keys = SoftwareKeyVault()
    private let items = FakeKeychain()
    let invalidated = Locked(false)
    let said = Locked<[String]>([])

    func makeKey(_ alias: String, _ access: KeyAccess) throws -> Data {
        _ = try items.makeKey(alias, access)
        return try waiting { [keys] in try await keys.generate(alias: alias, purpose: .device, protection: .biometric) }
    }

    func sign(_ message: Data, with alias: String, _ dialogue: Dialogue) throws -> Data {
        if items.access[alias]?.check == .currentBiometrics {
            if invalidated.now { throw KeychainFailure(domain: osStatus, code: SecurityCode.authFailed) }
            said.change { $0.append(dialogue.reason) }
        }
        return try waiting { [keys] in try await keys.sign(alias: alias, message: message, reason: .proof) }
    }

    func agree(with peer: Data, by alias: String) throws -> Data {
        try waiting { [keys] in try await keys.agree(alias: alias, peer: peer) }
    }

    func destroyKey(_ alias: String) throws { try waiting { [keys] in await keys.delete(alias: alias) } }
    func read(_ item: KeychainItem) throws -> Data? { try items.read(item) }
    func write(_ content: Data, to item: KeychainItem) throws { try items.write(content, to: item) }
    func remove(_ item: KeychainItem) throws { try items.remove(item) }
    func biometrics() -> Biometrics { invalidated.now ? .nobody : items.biometrics() }

    /// Waits as Apple's own calls do: on a thread that may.
    private func waiting<Answer: Sendable>(_ call: @escaping @Sendable () async throws -> Answer) throws -> Answer {
        let (done, answer) = (DispatchSemaphore(value: 0), Locked<Result<Answer, any Error>?>(nil))
        Task {
            do {
                let found = try await call()
                answer.change { $0 = .success(found) }
            } catch {
                answer.change { $0 = .failure(error) }
            }
            done.signal()
        }
        done.wait()
        return try answer.now.required().get()
    }
}

/// The ports of an iPhone, all but Apple's own calls, against a running provider.
@Suite struct PhoneTests {
    private let keychain = WorkingKeychain()
    private let core: DeviceCore

    init() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("assent-phone-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let ports = AppGroup("group.test", in: folder)
            .ports(keychain, AppAttestAttestor(), URLSessionTransport(), nil) { reason in
                if case .approval(let client) = reason { "Approve for \(client)" } else { "Go on" }
            }
        core = DeviceCore(settings: Settings(issuers: [Provider.shared.issuer], development: true), ports: ports)
    }

    private func asked() async throws -> (RelyingParty, String, ApprovalRequest) {
        let bank = try await Provider.shared.newClient(["client_name": .text("Bank \(UUID().uuidString.prefix(8))")])
        let subject = try await Provider.shared.newUser()
        let info = DeviceInfo(name: "Anna's iPhone", model: "iPhone", os: "iOS", appId: "org.example.app", appVersion: "1")
        let enrolment = try await core.enrol(ticket: Provider.shared.ticket(subject), info: info, push: .none)
        try await Provider.shared.typeDigits(enrolment.account(), enrolment.digits().required())
        #expect(try await enrolment.refresh() == .active)
        let asked = try await bank.asked(subject)
        let request = try #require(try await core.pending(account: enrolment.account(), waitSeconds: 5).first)
        _ = request.display()
        return (bank, asked, request)
    }

    @Test func anIPhonesPortsEnrolAndApprove() async throws {
        let (bank, asked, request) = try await asked()
        #expect(try await core.approve(request: request) == .approved)
        #expect(keychain.said.now.last == "Approve for \(request.clientName())")
        #expect(try await bank.poll(asked) == "tokens")
    }

    @Test func anInvalidatedKeyIsToldAndADenialStillWorks() async throws {
        let (bank, asked, request) = try await asked()
        keychain.invalidated.change { $0 = true }
        await #expect(throws: DeviceError.KeyInvalidated) { try await core.approve(request: request) }
        #expect(try await core.deny(request: request, reason: .notMe) == .denied)
        #expect(try await bank.poll(asked) == "access_denied")
    }
}
