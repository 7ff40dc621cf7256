import AssentDevice
import Foundation

/// Keys in the Secure Enclave.
///
/// | key | asks | usable | by |
/// |---|---|---|---|
/// | `device` | nothing | while the phone is unlocked | the app |
/// | `verified`, `biometric` | face or finger (`.biometryCurrentSet`), at every use | while unlocked | the app |
/// | `verified`, `credential` | face, finger or passcode (`.userPresence`), at every use | while unlocked | the app |
/// | `sealing` | nothing | from the first time it is unlocked after it was switched on | the app and its extensions |
///
/// None can leave the phone, by a back-up or otherwise. They outlive the app, as does ``KeychainStore``: an app that is installed
/// again finds its accounts.
///
/// The platform destroys `verified` keys when the passcode is removed (`kSecAttrAccessibleWhenPasscodeSetThisDeviceOnly`), and
/// does not say that a key ended by that or because biometrics changed. So this remembers every such key apart from it, with
/// `evaluatedPolicyDomainState` of that moment where it is bound to biometrics. A remembered key that is gone, or fails after
/// biometrics changed, is `KeyInvalidated`; on a phone that was restored from another nothing is remembered, and it is
/// `KeyMissing`. A key that fails while biometrics are locked out is `Unavailable`: the platform tells nothing then.
public final class SecureEnclaveVault: KeyVault {
    private let keychain: any Keychain
    private let wording: @Sendable (SigningReason) -> String

    /// - Parameters:
    ///   - sharedGroup: the access group of app and extensions.
    ///   - wording: what the platform's dialogue says, in the user's language.
    public convenience init(sharedGroup: String, wording: @escaping @Sendable (SigningReason) -> String) {
        self.init(SystemKeychain(sharedGroup: sharedGroup), wording: wording)
    }

    init(_ keychain: any Keychain, wording: @escaping @Sendable (SigningReason) -> String) {
        self.keychain = keychain
        self.wording = wording
    }

    /// Makes a key pair, replacing any under the same alias.
    public func generate(alias: String, purpose: KeyPurpose, protection: KeyProtection) async throws -> Data {
        let keychain = keychain
        return try await onThreadOfItsOwn { try keychain.replaceKey(alias, KeyAccess(purpose, protection)) }
    }

    /// Signs SHA-256 of the message, in DER. The dialogue of a `verified` key is taken away if the task is cancelled.
    public func sign(alias: String, message: Data, reason: SigningReason) async throws -> Data {
        let keychain = keychain
        let dialogue = Dialogue(saying: wording(reason))
        return try await withTaskCancellationHandler {
            try await onThreadOfItsOwn { try keychain.signature(of: message, by: alias, dialogue) }
        } onCancel: {
            dialogue.dismiss()
        }
    }

    /// ECDH with an uncompressed point; returns the x-coordinate.
    public func agree(alias: String, peer: Data) async throws -> Data {
        let keychain = keychain
        return try await onThreadOfItsOwn { try keychain.agreement(of: alias, with: peer) }
    }

    /// Destroys a key. An unknown alias is no error.
    public func delete(alias: String) async throws {
        let keychain = keychain
        try await onThreadOfItsOwn { try keychain.destroy(alias) }
    }
}

/// A vault's calls, with a vault's errors.
extension Keychain {
    func replaceKey(_ alias: String, _ access: KeyAccess) throws(VaultError) -> Data {
        try destroy(alias)
        return try vaultError {
            // Before the key, so that a change in between makes the key fail and not seem whole.
            if access.needsPasscode { try write(access.check == .currentBiometrics ? state : Data(), to: .binding(of: alias)) }
            return try makeKey(alias, access)
        }
    }

    func signature(of message: Data, by alias: String, _ dialogue: Dialogue) throws(VaultError) -> Data {
        try vaultError(alias) { try sign(message, with: alias, dialogue) }
    }

    func agreement(of alias: String, with peer: Data) throws(VaultError) -> Data {
        try vaultError { try agree(with: peer, by: alias) }
    }

    func destroy(_ alias: String) throws(VaultError) {
        try vaultError {
            try destroyKey(alias)
            try remove(.binding(of: alias))
        }
    }

    private func vaultError<Answer>(_ bound: String? = nil, _ call: () throws -> Answer) throws(VaultError) -> Answer {
        do {
            return try call()
        } catch let failure as KeychainFailure {
            throw VaultError(failure, ended: bound.map { hasEnded($0, by: failure) } ?? false)
        } catch {
            throw .Unexpected(detail: "\(error)")
        }
    }

    /// The biometrics of this moment; empty where the platform tells of none.
    private var state: Data { if case .enrolled(let state) = biometrics() { state } else { Data() } }

    /// Whether a key that is remembered is gone, or was bound to biometrics that are not the phone's any more.
    private func hasEnded(_ alias: String, by failure: KeychainFailure) -> Bool {
        guard let then = try? read(.binding(of: alias)) else { return false }
        if FailureCause(failure) == .missing { return true }
        if then.isEmpty { return false }
        return switch biometrics() {
        case .enrolled(let now): now != then
        case .nobody: true
        case .untold: false
        }
    }
}

extension KeychainItem {
    static func binding(of alias: String) -> Self { Self(kind: .binding, name: alias) }
    static func document(_ name: String) -> Self { Self(kind: .document, name: name) }
}
