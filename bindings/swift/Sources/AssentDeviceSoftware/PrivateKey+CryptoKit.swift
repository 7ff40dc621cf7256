#if canImport(CryptoKit)
import AssentDevice
import CryptoKit
import Foundation

/// A private key on P-256, by CryptoKit.
struct PrivateKey: Sendable {
    private let signing = P256.Signing.PrivateKey()

    /// A new one.
    init() throws {}

    /// The public key, as an uncompressed point.
    func point() throws -> Data { signing.publicKey.x963Representation }

    /// ECDSA over SHA-256, as DER.
    func signature(of message: Data) throws -> Data { try signing.signature(for: message).derRepresentation }

    /// ECDH with an uncompressed point.
    func agreement(with peer: Data) throws -> Data {
        do {
            let key = try P256.KeyAgreement.PrivateKey(rawRepresentation: signing.rawRepresentation)
            let secret = try key.sharedSecretFromKeyAgreement(with: P256.KeyAgreement.PublicKey(x963Representation: peer))
            return secret.withUnsafeBytes { Data($0) }
        } catch {
            throw VaultError.Unavailable(detail: String(describing: error))
        }
    }
}
#endif
