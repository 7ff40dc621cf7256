// A stand-in, for Linux only: proves nothing of Apple's behaviour. See the README beside it.
import Foundation

nonisolated(unsafe) public let kSecClass: CFString = "kSecClass"
nonisolated(unsafe) public let kSecClassGenericPassword: CFString = "kSecClassGenericPassword"
nonisolated(unsafe) public let kSecClassKey: CFString = "kSecClassKey"
nonisolated(unsafe) public let kSecAttrAccessControl: CFString = "kSecAttrAccessControl"
nonisolated(unsafe) public let kSecAttrAccessGroup: CFString = "kSecAttrAccessGroup"
nonisolated(unsafe) public let kSecAttrAccessible: CFString = "kSecAttrAccessible"
nonisolated(unsafe) public let kSecAttrAccessibleWhenUnlockedThisDeviceOnly: CFString =
    "kSecAttrAccessibleWhenUnlockedThisDeviceOnly"
nonisolated(unsafe) public let kSecAttrAccessibleWhenPasscodeSetThisDeviceOnly: CFString =
    "kSecAttrAccessibleWhenPasscodeSetThisDeviceOnly"
nonisolated(unsafe) public let kSecAttrAccessibleAfterFirstUnlockThisDeviceOnly: CFString =
    "kSecAttrAccessibleAfterFirstUnlockThisDeviceOnly"
nonisolated(unsafe) public let kSecAttrAccount: CFString = "kSecAttrAccount"
nonisolated(unsafe) public let kSecAttrApplicationTag: CFString = "kSecAttrApplicationTag"
nonisolated(unsafe) public let kSecAttrIsPermanent: CFString = "kSecAttrIsPermanent"
nonisolated(unsafe) public let kSecAttrKeyClass: CFString = "kSecAttrKeyClass"
nonisolated(unsafe) public let kSecAttrKeyClassPrivate: CFString = "kSecAttrKeyClassPrivate"
nonisolated(unsafe) public let kSecAttrKeyClassPublic: CFString = "kSecAttrKeyClassPublic"
nonisolated(unsafe) public let kSecAttrKeySizeInBits: CFString = "kSecAttrKeySizeInBits"
nonisolated(unsafe) public let kSecAttrKeyType: CFString = "kSecAttrKeyType"
nonisolated(unsafe) public let kSecAttrKeyTypeECSECPrimeRandom: CFString = "kSecAttrKeyTypeECSECPrimeRandom"
nonisolated(unsafe) public let kSecAttrService: CFString = "kSecAttrService"
nonisolated(unsafe) public let kSecAttrSynchronizable: CFString = "kSecAttrSynchronizable"
nonisolated(unsafe) public let kSecAttrTokenID: CFString = "kSecAttrTokenID"
nonisolated(unsafe) public let kSecAttrTokenIDSecureEnclave: CFString = "kSecAttrTokenIDSecureEnclave"
nonisolated(unsafe) public let kSecMatchLimit: CFString = "kSecMatchLimit"
nonisolated(unsafe) public let kSecMatchLimitOne: CFString = "kSecMatchLimitOne"
nonisolated(unsafe) public let kSecPrivateKeyAttrs: CFString = "kSecPrivateKeyAttrs"
nonisolated(unsafe) public let kSecReturnData: CFString = "kSecReturnData"
nonisolated(unsafe) public let kSecReturnRef: CFString = "kSecReturnRef"
nonisolated(unsafe) public let kSecUseAuthenticationContext: CFString = "kSecUseAuthenticationContext"
nonisolated(unsafe) public let kSecUseDataProtectionKeychain: CFString = "kSecUseDataProtectionKeychain"
nonisolated(unsafe) public let kSecValueData: CFString = "kSecValueData"

public func SecItemCopyMatching(_ query: CFDictionary, _ result: UnsafeMutablePointer<CFTypeRef?>?) -> OSStatus {
    errSecUnimplemented
}
public func SecItemAdd(_ attributes: CFDictionary, _ result: UnsafeMutablePointer<CFTypeRef?>?) -> OSStatus {
    errSecUnimplemented
}
public func SecItemUpdate(_ query: CFDictionary, _ attributesToUpdate: CFDictionary) -> OSStatus { errSecUnimplemented }
public func SecItemDelete(_ query: CFDictionary) -> OSStatus { errSecUnimplemented }
