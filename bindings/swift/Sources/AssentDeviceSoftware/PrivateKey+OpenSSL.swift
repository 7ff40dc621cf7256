#if canImport(COpenSSL)
import AssentDevice
import COpenSSL
import Foundation

/// A private key on P-256, by OpenSSL. Once made, it is only read.
final class PrivateKey: @unchecked Sendable {
    private let key: OpaquePointer

    /// A new one.
    init() throws {
        let context = EVP_PKEY_CTX_new_id(EVP_PKEY_EC, nil)
        defer { EVP_PKEY_CTX_free(context) }
        var made: OpaquePointer?
        guard EVP_PKEY_keygen_init(context) == 1,
            EVP_PKEY_CTX_set_ec_paramgen_curve_nid(context, NID_X9_62_prime256v1) == 1,
            EVP_PKEY_generate(context, &made) == 1, let made
        else { throw failure("no key") }
        key = made
    }

    deinit { EVP_PKEY_free(key) }

    /// The public key, as an uncompressed point.
    func point() throws -> Data {
        var bytes: UnsafeMutablePointer<UInt8>?
        let length = EVP_PKEY_get1_encoded_public_key(key, &bytes)
        guard length > 0, let bytes else { throw failure("no public key") }
        defer { CRYPTO_free(bytes, #file, #line) }
        return Data(bytes: bytes, count: length)
    }

    /// ECDSA over SHA-256, as DER.
    func signature(of message: Data) throws -> Data {
        let context = EVP_MD_CTX_new()
        defer { EVP_MD_CTX_free(context) }
        var signature = [UInt8](repeating: 0, count: 80)
        var length = signature.count
        guard EVP_DigestSignInit(context, nil, EVP_sha256(), nil, key) == 1,
            EVP_DigestSign(context, &signature, &length, [UInt8](message), message.count) == 1
        else { throw failure("no signature") }
        return Data(signature.prefix(length))
    }

    /// ECDH with an uncompressed point.
    func agreement(with peer: Data) throws -> Data {
        let other = EVP_PKEY_new()
        defer { EVP_PKEY_free(other) }
        guard EVP_PKEY_copy_parameters(other, key) == 1,
            EVP_PKEY_set1_encoded_public_key(other, [UInt8](peer), peer.count) == 1
        else { throw failure("not a point of the curve") }
        let context = EVP_PKEY_CTX_new(key, nil)
        defer { EVP_PKEY_CTX_free(context) }
        var secret = [UInt8](repeating: 0, count: 32)
        var length = secret.count
        guard EVP_PKEY_derive_init(context) == 1, EVP_PKEY_derive_set_peer(context, other) == 1,
            EVP_PKEY_derive(context, &secret, &length) == 1
        else { throw failure("no agreement") }
        return Data(secret.prefix(length))
    }
}

private func failure(_ what: String) -> VaultError { .Unavailable(detail: "OpenSSL: \(what)") }
#endif
