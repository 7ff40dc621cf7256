import AssentDevice
import Foundation

/// The core's documents as items of the keychain: of this phone only, in no back-up, shared with the app's extensions, and
/// readable while the phone is locked, from the first time it is unlocked after it was switched on.
public final class KeychainStore: SecureStore {
    private let keychain: any Keychain

    /// - Parameter sharedGroup: the access group of app and extensions.
    public convenience init(sharedGroup: String) { self.init(SystemKeychain(sharedGroup: sharedGroup)) }

    init(_ keychain: any Keychain) { self.keychain = keychain }

    /// What was last saved under this name.
    public func load(name: String) async throws -> Data? {
        let keychain = keychain
        return try await onThreadOfItsOwn { try keychain.load(name) }
    }

    /// Replaces the document.
    public func save(name: String, content: Data) async throws {
        let keychain = keychain
        try await onThreadOfItsOwn { try keychain.save(content, as: name) }
    }

    /// Removes the document. An unknown name is no error.
    public func delete(name: String) async throws {
        let keychain = keychain
        try await onThreadOfItsOwn { try keychain.delete(name) }
    }
}

/// A store's calls, with a store's errors.
extension Keychain {
    func load(_ name: String) throws(StoreError) -> Data? {
        try storeError { try read(.document(name)) }
    }

    func save(_ content: Data, as name: String) throws(StoreError) {
        try storeError { try write(content, to: .document(name)) }
    }

    func delete(_ name: String) throws(StoreError) {
        try storeError { try remove(.document(name)) }
    }

    private func storeError<Answer>(_ call: () throws -> Answer) throws(StoreError) -> Answer {
        do {
            return try call()
        } catch let failure as KeychainFailure {
            throw .Failed(detail: "\(failure.domain) \(failure.code) \(failure.text)")
        } catch {
            throw .Unexpected(detail: "\(error)")
        }
    }
}
