import AssentDevice
import Foundation
import LocalAuthentication
import Security
import Testing

@testable import AssentDeviceApple

/// What the keychain is asked; the names of its attributes are the stand-in's.
@Suite struct QueryTests {
    let queries = Queries(sharedGroup: "group.test")
    let document = KeychainItem.document("state")

    private func inEnclave(_ access: KeyAccess) throws -> (whole: [CFString: Any], key: NSDictionary) {
        let control = try #require(SecAccessControlCreateWithFlags(nil, queries.accessible(access), queries.flags(access), nil))
        let whole = queries.newKey("a", access, control)
        return (whole, try #require(whole[kSecPrivateKeyAttrs] as? NSDictionary))
    }

    @Test func aNewKeyIsP256InTheEnclaveForGood() throws {
        let (whole, key) = try inEnclave(KeyAccess(.device, .biometric))
        #expect(whole[kSecAttrTokenID] as? String == kSecAttrTokenIDSecureEnclave as String)
        #expect(whole[kSecAttrKeyType] as? String == kSecAttrKeyTypeECSECPrimeRandom as String)
        #expect(whole[kSecAttrKeySizeInBits] as? Int == 256)
        #expect(key[kSecAttrIsPermanent] as? Bool == true)
        #expect(key[kSecAttrAccessControl] is SecAccessControl)
    }

    @Test func onlyTheSealingKeyIsInTheSharedGroupAndUsableWhileLocked() throws {
        for purpose in [KeyPurpose.device, .verified, .sealing] {
            let access = KeyAccess(purpose, .biometric)
            let group = try inEnclave(access).key[kSecAttrAccessGroup] as? String
            let whileLocked = queries.accessible(access) == kSecAttrAccessibleAfterFirstUnlockThisDeviceOnly
            #expect(group == (purpose == .sealing ? "group.test" : nil))
            #expect(whileLocked == (purpose == .sealing))
        }
    }

    @Test func onlyKeysThatAskTheUserEndWithThePasscode() {
        let ends = { queries.accessible(KeyAccess($0, $1)) == kSecAttrAccessibleWhenPasscodeSetThisDeviceOnly }
        for protection in [KeyProtection.biometric, .credential] {
            #expect(ends(.verified, protection) && !ends(.device, protection) && !ends(.sealing, protection))
        }
        #expect(queries.accessible(KeyAccess(.device, .biometric)) == kSecAttrAccessibleWhenUnlockedThisDeviceOnly)
    }

    @Test func theUserIsAskedByTheFlagsOfTheKey() {
        #expect(queries.flags(KeyAccess(.device, .biometric)) == .privateKeyUsage)
        #expect(queries.flags(KeyAccess(.sealing, .credential)) == .privateKeyUsage)
        #expect(queries.flags(KeyAccess(.verified, .biometric)) == [.privateKeyUsage, .biometryCurrentSet])
        #expect(queries.flags(KeyAccess(.verified, .credential)) == [.privateKeyUsage, .userPresence])
    }

    @Test func aKeyIsFoundByTheTagThatItWasMadeWith() throws {
        let made = try inEnclave(KeyAccess(.device, .biometric)).key[kSecAttrApplicationTag] as? Data
        #expect(made == queries.key("a")[kSecAttrApplicationTag] as? Data)
        #expect(made != queries.key("b")[kSecAttrApplicationTag] as? Data)
        let context = LAContext()
        #expect(queries.use("a", context)[kSecUseAuthenticationContext] as? LAContext === context)
        #expect(queries.use("a", nil)[kSecUseAuthenticationContext] == nil)
    }

    @Test func aDocumentIsSharedStaysOnThePhoneAndIsReadWhileLocked() {
        let adding = queries.adding(Data([1]), to: document)
        #expect(adding[kSecAttrAccessGroup] as? String == "group.test")
        #expect(adding[kSecAttrAccessible] as? String == kSecAttrAccessibleAfterFirstUnlockThisDeviceOnly as String)
        #expect(adding[kSecAttrSynchronizable] as? Bool == false)
        #expect(adding[kSecValueData] as? Data == Data([1]))
    }

    @Test func whatIsRememberedOfAKeyStaysWithTheApp() {
        #expect(queries.adding(Data(), to: .binding(of: "a"))[kSecAttrAccessGroup] == nil)
    }

    @Test func itemsOfDifferentKindsNeverMeet() {
        let named = { (item: KeychainItem) in "\(queries.item(item)[kSecAttrService]!) \(queries.item(item)[kSecAttrAccount]!)" }
        #expect(named(.document("a")) != named(.binding(of: "a")))
        #expect(named(.document("a")) != named(.document("b")))
    }
}
