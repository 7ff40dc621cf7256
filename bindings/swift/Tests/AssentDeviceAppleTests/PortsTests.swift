import AssentDevice
import AssentDeviceSoftware
import Foundation
import Testing

@testable import AssentDeviceApple

private struct FakeAppAttest: AppAttest {
    var isSupported = true
    var fails = false

    func generateKey() async throws -> String {
        if fails { throw KeychainFailure(domain: "com.apple.devicecheck.error", code: 4) }
        return "key"
    }

    func attestKey(_ key: String, clientDataHash: Data) async throws -> Data { Data(key.utf8) + clientDataHash }
}

private final class Offline: Transport {
    func send(request: HttpRequest) async throws -> HttpResponse { throw TransportError.Unreachable(detail: "off") }
}

@Suite struct PortsTests {
    private let folder: URL
    private let request = AttestationRequest(
        deviceAlias: "d", verifiedAlias: "v", clientDataHash: Data(repeating: 7, count: 32))

    init() throws {
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("assent-group-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }

    @Test func appAttestSignsTheGivenHashAsItIs() async throws {
        let evidence = try await AppAttestAttestor(FakeAppAttest()).attest(request: request)
        #expect(evidence == .appleAppAttest(object: Data("key".utf8) + Data(repeating: 7, count: 32)))
    }

    @Test func aPhoneWithoutAppAttestHasNoEvidence() async throws {
        #expect(try await AppAttestAttestor(FakeAppAttest(isSupported: false)).attest(request: request) == .none)
        #expect(try await AppAttestAttestor().attest(request: request) == .none)
    }

    @Test func whatAppAttestRefusesIsAFailure() async throws {
        await #expect(throws: AttestorError.self) {
            try await AppAttestAttestor(FakeAppAttest(fails: true)).attest(request: request)
        }
    }

    @Test func aProcessOutsideTheGroupIsTold() {
        #expect(throws: NoSuchGroup(name: "group.test")) { try AppGroup("group.test") }
    }

    @Test func theExtensionReadsWhatTheAppSavedUnderTheSameLock() async throws {
        let group = AppGroup("group.test", in: folder)
        let keychain = FakeKeychain()
        let ports = group.ports(keychain, AppAttestAttestor(), Offline(), nil) { _ in "" }
        let inExtension = AppleExtensionPorts(
            keychain, FileLock(path: folder.appendingPathComponent("assent.lock").path, patience: .zero))
        try await ports.store.save(name: "d", content: Data([1]))
        #expect(try inExtension.load(name: "d") == Data([1]))
        _ = try await ports.vault.generate(alias: "s", purpose: .sealing, protection: .biometric)
        #expect(try inExtension.agree(alias: "s", peer: Data([4])) == Data([4]))
        let lock = try #require(ports.lock)
        try await lock.acquire()
        #expect(throws: LockError.Held) { try inExtension.lock() }
        try lock.release()
        try inExtension.lock()
        try inExtension.unlock()
    }

    @Test func theCoreRunsOnThesePorts() async throws {
        let group = AppGroup("group.test", in: folder)
        let ports = group.ports(FakeKeychain(), AppAttestAttestor(), Offline(), nil) { _ in "" }
        let core = DeviceCore(settings: Settings(issuers: [], development: false), ports: ports)
        #expect(try await core.accounts().isEmpty)
        #expect(throws: DeviceError.NotOurPush) { try group.noticeOpener(FakeKeychain()).open(data: ["v": "2"]) }
    }
}
