import AssentDevice

/// What a failure means for the key that was used.
extension VaultError {
    /// - Parameter ended: whether what is remembered of the key says that nobody can use it any more.
    ///
    /// The platform never says that biometrics changed: such a key is gone (`errSecItemNotFound`), refuses (`errSecAuthFailed`),
    /// or fails somewhere below (`CryptoTokenKit`), by version. So whatever a key fails with is `KeyInvalidated` if it has
    /// ended; what the user did comes before that.
    init(_ failure: KeychainFailure, ended: Bool = false) {
        let cause = FailureCause(failure)
        let detail = "\(failure.domain) \(failure.code) \(failure.text)"
        switch cause {
        case .cancelled: self = .UserCancelled
        case _ where ended: self = .KeyInvalidated
        case .passcodeRemoved: self = .KeyInvalidated
        case .missing: self = .KeyMissing
        case .notNow: self = .Unavailable(detail: detail)
        case .unforeseen: self = .Unexpected(detail: detail)
        }
    }
}

/// What the platform's codes come to.
enum FailureCause: Equatable {
    case cancelled, missing, passcodeRemoved, notNow, unforeseen

    init(_ failure: KeychainFailure) {
        switch (failure.domain, failure.code) {
        case (osStatus, SecurityCode.userCanceled): self = .cancelled
        case (osStatus, SecurityCode.itemNotFound): self = .missing
        case (osStatus, SecurityCode.authFailed), (osStatus, SecurityCode.interactionNotAllowed),
            (osStatus, SecurityCode.notAvailable):
            self = .notNow
        case (localAuthentication, let code): self = Self.asked(code)
        // A fault below the keychain: the phone was locked in between, or the hardware is busy.
        case ("CryptoTokenKit", _): self = .notNow
        default: self = .unforeseen
        }
    }

    /// What came of asking the user. A request that ended for another reason than the user's, such as a call that came in
    /// or the app going to the back, was ended all the same: nothing was signed, and it can be asked again.
    private static func asked(_ code: Int) -> Self {
        switch LocalAuthenticationCode(rawValue: code) {
        case .userCancel, .userFallback, .systemCancel, .appCancel: .cancelled
        // Keys that ask the user are gone with the passcode, and do not come back with another.
        case .passcodeNotSet: .passcodeRemoved
        case .authenticationFailed, .biometryNotAvailable, .biometryNotEnrolled, .biometryLockout,
            .invalidContext, .notInteractive:
            .notNow
        case nil: .unforeseen
        }
    }
}

let osStatus = "NSOSStatusErrorDomain"
let localAuthentication = "com.apple.LocalAuthentication"

/// Of `Security/SecBase.h`.
enum SecurityCode {
    static let userCanceled = -128
    static let notAvailable = -25291
    static let authFailed = -25293
    static let itemNotFound = -25300
    static let interactionNotAllowed = -25308
}

/// Of `LocalAuthentication/LAPublicDefines.h`.
enum LocalAuthenticationCode: Int {
    case authenticationFailed = -1
    case userCancel = -2
    case userFallback = -3
    case systemCancel = -4
    case passcodeNotSet = -5
    case biometryNotAvailable = -6
    case biometryNotEnrolled = -7
    case biometryLockout = -8
    case appCancel = -9
    case invalidContext = -10
    case notInteractive = -1004
}
