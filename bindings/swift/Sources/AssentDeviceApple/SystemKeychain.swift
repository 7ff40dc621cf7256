import Foundation
import LocalAuthentication
import Security

/// Apple's keychain and Secure Enclave. Type-checked against stand-ins on Linux; what it does shows only on Apple's systems.
struct SystemKeychain: Keychain {
    private let queries: Queries

    init(sharedGroup: String) { queries = Queries(sharedGroup: sharedGroup) }

    func makeKey(_ alias: String, _ access: KeyAccess) throws -> Data {
        let control = try answer { error in
            SecAccessControlCreateWithFlags(nil, queries.accessible(access), queries.flags(access), error)
        }
        let key = try answer { error in
            SecKeyCreateRandomKey(queries.newKey(alias, access, control) as CFDictionary, error)
        }
        guard let publicKey = SecKeyCopyPublicKey(key) else {
            throw KeychainFailure(domain: osStatus, code: SecurityCode.notAvailable, text: "a key without a public half")
        }
        return try answer { error in SecKeyCopyExternalRepresentation(publicKey, error) } as Data
    }

    func sign(_ message: Data, with alias: String, _ dialogue: Dialogue) throws -> Data {
        let context = LAContext()
        context.localizedReason = dialogue.reason
        // A finger that opened the phone just now has not agreed to this.
        context.touchIDAuthenticationAllowableReuseDuration = 0
        let shown = Unchecked(context)
        dialogue.appears { shown.value.invalidate() }
        let key = try privateKey(alias, context)
        return try answer { error in
            SecKeyCreateSignature(key, .ecdsaSignatureMessageX962SHA256, message as CFData, error)
        } as Data
    }

    func agree(with peer: Data, by alias: String) throws -> Data {
        let attributes: [CFString: Any] = [
            kSecAttrKeyType: kSecAttrKeyTypeECSECPrimeRandom, kSecAttrKeyClass: kSecAttrKeyClassPublic,
        ]
        let peer = try answer { error in SecKeyCreateWithData(peer as CFData, attributes as CFDictionary, error) }
        let key = try privateKey(alias, nil)
        let none: [CFString: Any] = [:]
        return try answer { error in
            SecKeyCopyKeyExchangeResult(key, .ecdhKeyExchangeStandard, peer, none as CFDictionary, error)
        } as Data
    }

    func destroyKey(_ alias: String) throws {
        try succeed(SecItemDelete(queries.key(alias) as CFDictionary), or: errSecItemNotFound)
    }

    func read(_ item: KeychainItem) throws -> Data? {
        var found: CFTypeRef?
        try succeed(SecItemCopyMatching(queries.reading(item) as CFDictionary, &found), or: errSecItemNotFound)
        return found as? Data
    }

    /// One call of the keychain is whole or not at all. Where two write a new item at once, the second finds it there.
    func write(_ content: Data, to item: KeychainItem) throws {
        let change: [CFString: Any] = [kSecValueData: content]
        let update = { SecItemUpdate(queries.item(item) as CFDictionary, change as CFDictionary) }
        guard try succeed(update(), or: errSecItemNotFound) == errSecItemNotFound else { return }
        let added = SecItemAdd(queries.adding(content, to: item) as CFDictionary, nil)
        guard try succeed(added, or: errSecDuplicateItem) == errSecDuplicateItem else { return }
        try succeed(update())
    }

    func remove(_ item: KeychainItem) throws {
        try succeed(SecItemDelete(queries.item(item) as CFDictionary), or: errSecItemNotFound)
    }

    func biometrics() -> Biometrics {
        let context = LAContext()
        var error: NSError?
        if context.canEvaluatePolicy(.deviceOwnerAuthenticationWithBiometrics, error: &error) {
            return context.evaluatedPolicyDomainState.map(Biometrics.enrolled) ?? .untold
        }
        let nobody = [LAError.Code.biometryNotEnrolled, .passcodeNotSet].map(\.rawValue)
        return error.map { nobody.contains($0.code) } == true ? .nobody : .untold
    }

    private func privateKey(_ alias: String, _ context: LAContext?) throws -> SecKey {
        var found: CFTypeRef?
        try succeed(SecItemCopyMatching(queries.use(alias, context) as CFDictionary, &found))
        return found as! SecKey // what kSecReturnRef of a kSecClassKey is, by its documentation
    }

    /// What a function of the keychain that fails by an error returned.
    private func answer<Answer>(_ call: (UnsafeMutablePointer<Unmanaged<CFError>?>) -> Answer?) throws -> Answer {
        var error: Unmanaged<CFError>?
        if let answer = call(&error) { return answer }
        guard let error = error?.takeRetainedValue() else { throw KeychainFailure(domain: osStatus, code: 0, text: "no reason") }
        throw KeychainFailure(
            domain: CFErrorGetDomain(error) as String, code: CFErrorGetCode(error),
            text: CFErrorCopyDescription(error) as String)
    }

    /// The status, if it is success or one that is just as well.
    @discardableResult
    private func succeed(_ status: OSStatus, or other: OSStatus = errSecSuccess) throws -> OSStatus {
        if status == errSecSuccess || status == other { return status }
        let text = SecCopyErrorMessageString(status, nil) as String?
        throw KeychainFailure(domain: osStatus, code: Int(status), text: text ?? "")
    }
}

/// Lets a dialogue be taken away from another thread: `LAContext.invalidate` is made for that.
private struct Unchecked<Value>: @unchecked Sendable {
    let value: Value
    init(_ value: Value) { self.value = value }
}
