import AssentDevice
import Foundation

/// The calls of Apple's frameworks that the ports are made of. The ports run on any machine; only ``SystemKeychain`` needs
/// one of Apple's. All calls block.
protocol Keychain: Sendable {
    /// Makes a key pair in the Secure Enclave and returns its public key: an uncompressed point of 65 bytes.
    func makeKey(_ alias: String, _ access: KeyAccess) throws -> Data

    /// Signs SHA-256 of the message, in DER. Blocks for as long as the platform's dialogue is on the screen.
    func sign(_ message: Data, with alias: String, _ dialogue: Dialogue) throws -> Data

    /// ECDH with an uncompressed point; returns the x-coordinate.
    func agree(with peer: Data, by alias: String) throws -> Data

    /// Destroys a key. An unknown alias is no error.
    func destroyKey(_ alias: String) throws

    /// What was last written.
    func read(_ item: KeychainItem) throws -> Data?

    /// Replaces what was written, or writes it for the first time.
    func write(_ content: Data, to item: KeychainItem) throws

    /// Removes it. An unknown item is no error.
    func remove(_ item: KeychainItem) throws

    /// Who can be recognised at this moment.
    func biometrics() -> Biometrics
}

/// How a key is protected.
struct KeyAccess: Equatable {
    /// What the platform asks of the user at every use.
    enum Check { case nothing, currentBiometrics, biometricsOrPasscode }

    /// What is asked at every use.
    let check: Check
    /// Whether it can be used while the phone is locked, once it was unlocked after it was switched on.
    let whileLocked: Bool
    /// Whether it ends with the phone's passcode.
    var needsPasscode: Bool { check != .nothing }
    /// Whether the extensions of the app can use it.
    let shared: Bool

    /// `sealing` opens pushes in a notification extension, of a locked phone; no other key leaves the app or works there.
    init(_ purpose: KeyPurpose, _ protection: KeyProtection) {
        whileLocked = purpose == .sealing
        shared = purpose == .sealing
        check =
            switch (purpose, protection) {
            case (.device, _), (.sealing, _): .nothing
            case (.verified, .biometric): .currentBiometrics
            case (.verified, .credential): .biometricsOrPasscode
            }
    }
}

/// A small secret of the app's own.
struct KeychainItem: Equatable {
    /// What it is.
    enum Kind: String {
        /// A document of the core, which extensions read while the phone is locked.
        case document = "org.assent.device.document"
        /// The biometrics that a key was bound to when it was made; empty of one that is bound to the passcode alone.
        case binding = "org.assent.device.binding"
    }

    /// What it is.
    let kind: Kind
    /// Its name among its kind.
    let name: String
}

/// Who can be recognised, as the platform tells it: not who they are, but whether they are the same as before.
enum Biometrics: Equatable {
    /// Somebody: the value changes with every finger or face that is added or removed.
    case enrolled(Data)
    /// Nobody, as none were added or there is no passcode.
    case nobody
    /// The platform does not say: locked out after wrong attempts, or not allowed to this app.
    case untold
}

/// Why a call failed, as the platform says it.
struct KeychainFailure: Error, Equatable {
    /// `NSOSStatusErrorDomain`, `com.apple.LocalAuthentication`, `CryptoTokenKit`.
    let domain: String
    /// Its meaning depends on the domain.
    let code: Int
    /// For the log.
    var text = ""
}
