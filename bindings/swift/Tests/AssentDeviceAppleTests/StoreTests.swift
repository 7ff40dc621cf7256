import AssentDevice
import Foundation
import Security
import Testing

@testable import AssentDeviceApple

@Suite struct StoreTests {
    let keychain = FakeKeychain()

    @Test func aDocumentIsReplacedReadAndRemoved() async throws {
        let store = KeychainStore(keychain)
        #expect(try await store.load(name: "d") == nil)
        try await store.save(name: "d", content: Data([1]))
        try await store.save(name: "d", content: Data([2]))
        #expect(try await store.load(name: "d") == Data([2]))
        try await store.delete(name: "d")
        try await store.delete(name: "d")
        #expect(try await store.load(name: "d") == nil)
    }

    @Test func whatTheKeychainRefusesIsAFailureOfTheStore() async throws {
        keychain.fails(osStatus, Int(errSecMissingEntitlement))
        await #expect(throws: StoreError.Failed(detail: "NSOSStatusErrorDomain -34018 ")) {
            try await KeychainStore(keychain).save(name: "d", content: Data())
        }
    }

    /// The stand-in on Linux refuses everything, so this is the way of a refusal through `SystemKeychain`, no more.
    @Test func theStandInsRefusalArrivesWithItsCode() async throws {
        await #expect(throws: StoreError.Failed(detail: "NSOSStatusErrorDomain -4 ")) {
            _ = try await KeychainStore(sharedGroup: "group.test").load(name: "d")
        }
        await #expect(throws: VaultError.self) {
            let vault = SecureEnclaveVault(sharedGroup: "group.test") { _ in "" }
            _ = try await vault.generate(alias: "a", purpose: .device, protection: .biometric)
        }
    }
}
