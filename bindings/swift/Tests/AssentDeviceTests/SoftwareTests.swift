import AssentDevice
import AssentDeviceSoftware
import Foundation
import TestSupport
import Testing

/// The ports in software.
@Suite struct SoftwareTests {
    private let directory = FileManager.default.temporaryDirectory.appendingPathComponent("assent-swift-\(UUID().uuidString)")

    @Test func bothStoresKeepReplaceAndDelete() async throws {
        defer { try? FileManager.default.removeItem(at: directory) }
        let stores: [any SecureStore] = [MemoryStore(), FileStore(directory: directory)]
        for store in stores {
            #expect(try await store.load(name: "a-1") == nil)
            try await store.save(name: "a-1", content: Data("one".utf8))
            try await store.save(name: "a-1", content: Data("two".utf8))
            #expect(try await store.load(name: "a-1") == Data("two".utf8))
            try await store.delete(name: "a-1")
            try await store.delete(name: "a-1")
            #expect(try await store.load(name: "a-1") == nil)
        }
    }

    @Test func filesAreTheirOwnersAloneAndThereIsNothingBesideThem() async throws {
        defer { try? FileManager.default.removeItem(at: directory) }
        let store = FileStore(directory: directory)
        try await store.save(name: "a", content: Data(repeating: 1, count: 100_000))
        let names = try FileManager.default.contentsOfDirectory(atPath: directory.path)
        #expect(names == ["a.json"])
        #expect(try mode(directory) == 0o700)
        #expect(try mode(directory.appendingPathComponent("a.json")) == 0o600)
    }

    private func mode(_ url: URL) throws -> Int {
        try (FileManager.default.attributesOfItem(atPath: url.path)[.posixPermissions] as? NSNumber).required().intValue
    }

    @Test(arguments: ["", "../a", "/etc/passwd", "a.b", "a/b", "ä", " "]) func aNameNeverLeavesTheDirectory(name: String) async {
        let store = FileStore(directory: directory)
        await #expect(throws: StoreError.Failed(detail: "the name is no file name")) {
            try await store.save(name: name, content: Data())
        }
    }

    @Test func aDirectoryThatCannotBeMadeIsAnError() async throws {
        let store = FileStore(directory: URL(fileURLWithPath: "/dev/null/nowhere"))
        await #expect(throws: StoreError.self) { try await store.save(name: "a", content: Data()) }
        #expect(try await store.load(name: "a") == nil)
    }

    @Test func twoKeysAgreeAndNonsenseIsNoPoint() async throws {
        let vault = SoftwareKeyVault()
        let ours = try await vault.generate(alias: "a", purpose: .sealing, protection: .biometric)
        let theirs = try await vault.generate(alias: "b", purpose: .sealing, protection: .biometric)
        #expect(ours.count == 65 && ours.first == 4 && ours != theirs)
        let agreed = try await vault.agree(alias: "a", peer: theirs)
        #expect(agreed.count == 32)
        #expect(try await vault.agree(alias: "b", peer: ours) == agreed)
        for nonsense in [Data(), Data([0]), Data(repeating: 4, count: 65), ours.dropLast()] {
            await #expect(throws: VaultError.self) { try await vault.agree(alias: "a", peer: nonsense) }
        }
    }

    @Test func onlyVerifiedKeysAskTheUserAndAKeyThatIsGoneIsMissing() async throws {
        let vault = SoftwareKeyVault { _ in false }
        for (alias, purpose) in [("d", KeyPurpose.device), ("v", .verified)] {
            _ = try await vault.generate(alias: alias, purpose: purpose, protection: .credential)
        }
        #expect(try await vault.sign(alias: "d", message: Data("m".utf8), reason: .proof).first == 0x30)
        await #expect(throws: VaultError.UserCancelled) { try await vault.sign(alias: "v", message: Data(), reason: .proof) }
        await vault.delete(alias: "d")
        await vault.delete(alias: "d")
        #expect(await vault.aliases == ["v"])
        await #expect(throws: VaultError.KeyMissing) { try await vault.sign(alias: "d", message: Data(), reason: .proof) }
    }

    @Test func theClocksGoOn() async throws {
        let clock = SystemClock()
        let (wall, monotonic) = (clock.unixMillis(), clock.monotonicMillis())
        try await Task.sleep(for: .milliseconds(20))
        #expect(clock.monotonicMillis() >= monotonic + 20)
        #expect(wall > 1_700_000_000_000 && clock.unixMillis() > wall)
    }
}
