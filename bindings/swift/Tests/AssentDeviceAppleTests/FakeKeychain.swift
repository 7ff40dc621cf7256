import AssentDevice
import Foundation

@testable import AssentDeviceApple

/// A keychain whose keys are words, and which fails as a test wants it to.
final class FakeKeychain: Keychain, @unchecked Sendable {
    private let lock = NSLock()
    private var keys: [String: KeyAccess] = [:]
    private var items: [String: Data] = [:]
    private var saying: [String] = []
    private var standing = Biometrics.enrolled(Data("one face".utf8))
    private var failure: KeychainFailure?
    private var waitsForDismissal = false

    /// What every call but `biometrics` fails with from now on.
    func fails(_ domain: String, _ code: Int) { lock.withLock { failure = KeychainFailure(domain: domain, code: code) } }

    /// What only a use of a key fails with, as if its biometrics had changed below it.
    func biometrics(are standing: Biometrics) { lock.withLock { self.standing = standing } }

    /// From now on a dialogue stays until it is taken away.
    func waits() { lock.withLock { waitsForDismissal = true } }

    /// Takes the keys away and leaves the rest, as a change of biometrics may.
    func losesKeys() { lock.withLock { keys = [:] } }

    var access: [String: KeyAccess] { lock.withLock { keys } }
    var written: [String: Data] { lock.withLock { items } }
    var said: [String] { lock.withLock { saying } }

    func makeKey(_ alias: String, _ access: KeyAccess) throws -> Data {
        try unlessItFails { keys[alias] = access }
        return Data("public \(alias)".utf8)
    }

    func sign(_ message: Data, with alias: String, _ dialogue: Dialogue) throws -> Data {
        let waits = try unlessItFails {
            try find(alias)
            saying.append(dialogue.reason)
            return waitsForDismissal
        }
        if waits {
            let dismissed = DispatchSemaphore(value: 0)
            dialogue.appears { dismissed.signal() }
            dismissed.wait()
            throw KeychainFailure(domain: localAuthentication, code: LocalAuthenticationCode.appCancel.rawValue)
        }
        return message + Data(" signed by \(alias)".utf8)
    }

    func agree(with peer: Data, by alias: String) throws -> Data {
        try unlessItFails { try find(alias) }
        return peer
    }

    func destroyKey(_ alias: String) throws { try unlessItFails { keys[alias] = nil } }

    func read(_ item: KeychainItem) throws -> Data? { lock.withLock { items[item.name] } }

    func write(_ content: Data, to item: KeychainItem) throws { try unlessItFails { items[item.name] = content } }

    func remove(_ item: KeychainItem) throws { try unlessItFails { items[item.name] = nil } }

    func biometrics() -> Biometrics { lock.withLock { standing } }

    private func find(_ alias: String) throws {
        if keys[alias] == nil { throw KeychainFailure(domain: osStatus, code: SecurityCode.itemNotFound) }
    }

    private func unlessItFails<Answer>(_ call: () throws -> Answer) throws -> Answer {
        try lock.withLock {
            if let failure { throw failure }
            return try call()
        }
    }
}
