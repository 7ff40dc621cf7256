import AssentDevice
import Foundation

/// Keys in memory, for tests: they are gone with the process, and nothing but `consent` stands in for the user.
public actor SoftwareKeyVault: KeyVault {
    private struct Held {
        let key: PrivateKey
        let asksUser: Bool
    }

    private let consent: @Sendable (SigningReason) async throws -> Bool
    private var keys: [String: Held] = [:]

    /// - Parameter consent: Asked before a key signs that asks the user on a phone; `false` is a user who dismisses the
    ///   dialogue.
    public init(consent: @escaping @Sendable (SigningReason) async throws -> Bool = { _ in true }) {
        self.consent = consent
    }

    /// The aliases of all keys.
    public var aliases: Set<String> { Set(keys.keys) }

    /// Makes a key pair, replacing any under the same alias; returns the public key as an uncompressed point.
    public func generate(alias: String, purpose: KeyPurpose, protection: KeyProtection) throws -> Data {
        let key = try PrivateKey()
        keys[alias] = Held(key: key, asksUser: purpose == .verified)
        return try key.point()
    }

    /// Signs, after the user's consent where the key asks for it; returns DER.
    public func sign(alias: String, message: Data, reason: SigningReason) async throws -> Data {
        let held = try held(alias)
        if held.asksUser {
            guard try await consent(reason) else { throw VaultError.UserCancelled }
        }
        return try held.key.signature(of: message)
    }

    /// ECDH with an uncompressed point; returns the x-coordinate.
    public func agree(alias: String, peer: Data) throws -> Data { try held(alias).key.agreement(with: peer) }

    /// Destroys a key. An unknown alias is no error.
    public func delete(alias: String) { keys[alias] = nil }

    private func held(_ alias: String) throws -> Held {
        guard let held = keys[alias] else { throw VaultError.KeyMissing }
        return held
    }
}
