import Foundation
import LocalAuthentication
import Security

/// What the keychain is asked, as it wants it. No query names an access group but those that make something: the others
/// look in all that this process may see.
struct Queries {
    /// Of the app and its extensions: an app group serves as one.
    let sharedGroup: String

    /// A new key in the Secure Enclave.
    func newKey(_ alias: String, _ access: KeyAccess, _ control: SecAccessControl) -> [CFString: Any] {
        var key: [CFString: Any] = [
            kSecAttrIsPermanent: true,
            kSecAttrApplicationTag: tag(alias),
            kSecAttrAccessControl: control,
        ]
        if access.shared { key[kSecAttrAccessGroup] = sharedGroup }
        return [
            kSecAttrKeyType: kSecAttrKeyTypeECSECPrimeRandom,
            kSecAttrKeySizeInBits: 256,
            kSecAttrTokenID: kSecAttrTokenIDSecureEnclave,
            kSecUseDataProtectionKeychain: true,
            kSecPrivateKeyAttrs: key as CFDictionary,
        ]
    }

    /// When the key can be used at all.
    func accessible(_ access: KeyAccess) -> CFString {
        if access.whileLocked { return kSecAttrAccessibleAfterFirstUnlockThisDeviceOnly }
        // Destroyed as soon as the passcode is removed.
        if access.needsPasscode { return kSecAttrAccessibleWhenPasscodeSetThisDeviceOnly }
        return kSecAttrAccessibleWhenUnlockedThisDeviceOnly
    }

    /// What is asked of the user at every use.
    func flags(_ access: KeyAccess) -> SecAccessControlCreateFlags {
        switch access.check {
        case .nothing: .privateKeyUsage
        case .currentBiometrics: [.privateKeyUsage, .biometryCurrentSet]
        case .biometricsOrPasscode: [.privateKeyUsage, .userPresence]
        }
    }

    /// The private key of this alias.
    func key(_ alias: String) -> [CFString: Any] {
        [
            kSecClass: kSecClassKey,
            kSecAttrKeyType: kSecAttrKeyTypeECSECPrimeRandom,
            kSecAttrKeyClass: kSecAttrKeyClassPrivate,
            kSecAttrApplicationTag: tag(alias),
            kSecUseDataProtectionKeychain: true,
        ]
    }

    /// The same, to be used. The platform asks the user by this context, whose dialogue is for one signature only.
    func use(_ alias: String, _ context: LAContext?) -> [CFString: Any] {
        var query = key(alias)
        query[kSecReturnRef] = true
        query[kSecMatchLimit] = kSecMatchLimitOne
        if let context { query[kSecUseAuthenticationContext] = context }
        return query
    }

    /// A document, or what is remembered with a key.
    func item(_ item: KeychainItem) -> [CFString: Any] {
        [
            kSecClass: kSecClassGenericPassword,
            kSecAttrService: item.kind.rawValue,
            kSecAttrAccount: item.name,
            kSecUseDataProtectionKeychain: true,
        ]
    }

    /// The same, to be read.
    func reading(_ item: KeychainItem) -> [CFString: Any] {
        var query = self.item(item)
        query[kSecReturnData] = true
        query[kSecMatchLimit] = kSecMatchLimitOne
        return query
    }

    /// The same, to be written for the first time.
    func adding(_ content: Data, to item: KeychainItem) -> [CFString: Any] {
        var attributes = self.item(item)
        attributes[kSecValueData] = content
        attributes[kSecAttrAccessible] = kSecAttrAccessibleAfterFirstUnlockThisDeviceOnly
        attributes[kSecAttrSynchronizable] = false
        if item.kind == .document { attributes[kSecAttrAccessGroup] = sharedGroup }
        return attributes
    }

    private func tag(_ alias: String) -> Data { Data("org.assent.device.\(alias)".utf8) }
}
