import AssentDevice
import Foundation

/// What a notification service extension brings to a `NoticeOpener`: the app's documents, its `sealing` keys and its lock.
public final class AppleExtensionPorts: ExtensionPorts {
    private let keychain: any Keychain
    private let file: FileLock

    init(_ keychain: any Keychain, _ file: FileLock) {
        self.keychain = keychain
        self.file = file
    }

    /// What the app last saved under this name.
    public func load(name: String) throws -> Data? { try keychain.load(name) }

    /// Replaces a document.
    public func save(name: String, content: Data) throws { try keychain.save(content, as: name) }

    /// ECDH with an uncompressed point; returns the x-coordinate.
    public func agree(alias: String, peer: Data) throws -> Data { try keychain.agreement(of: alias, with: peer) }

    /// Takes the app's lock; an extension has about half a minute in all, and waits five seconds of it at most.
    public func lock() throws { try file.acquireBlocking() }

    /// Gives it back.
    public func unlock() throws { try file.release() }
}
