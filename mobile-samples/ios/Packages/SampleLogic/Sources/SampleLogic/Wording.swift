import AssentDevice

// What the app says in its own words: in English here, in the user's language in yours.

extension SigningReason {
    /// What the dialogue of Face ID, Touch ID or passcode says.
    public var wording: String {
        switch self {
        case .enrolment: "Add this account"
        case .rotation: "Replace this phone's keys"
        case .unblock: "Let this client ask again"
        case .approval(let client): "Approve what \(client) asks"
        case .proof, .denial: "Continue"
        }
    }
}

extension RequestKind {
    /// What is asked for, under the name of who asks.
    public var wording: String {
        switch self {
        case .authentication: "asks for your approval"
        case .addDevice: "Another phone wants to join your account"
        case .rotate: "A phone of yours wants to replace its keys"
        case .notice: "Something changed on your account"
        case .test: "A test. Nothing hangs on your answer"
        }
    }
}

extension Warning {
    /// What the user must know before the lines.
    public var wording: String {
        switch self {
        case .unverifiedClient: "Nobody has confirmed who this is."
        case .conflict(let others):
            "\(others) more from the same. Answer the one whose text the other screen shows."
        case .expiringSoon(let seconds): "\(seconds) seconds left."
        case .expired: "Too late to approve. You can still say that it was not you."
        }
    }
}

extension DenyReason {
    /// The button.
    public var wording: String {
        switch self {
        case .notMe: "This is not me"
        case .wrongDetails: "The details are wrong"
        case .cancelled: "I changed my mind"
        }
    }

    /// All, in the order of the buttons.
    public static let choices: [DenyReason] = [.notMe, .wrongDetails, .cancelled]
}

extension DenialReason {
    /// Why it was denied, in the history.
    public var wording: String {
        switch self {
        case .notMe: "it was not you"
        case .wrongDetails: "the details were wrong"
        case .cancelled: "you changed your mind"
        case .wrongCode: "the digits were wrong"
        }
    }
}

extension BlockPeriod {
    /// The button.
    public var wording: String {
        switch self {
        case .quarterHour: "For 15 minutes"
        case .day: "For a day"
        case .untilLifted: "Until I lift it"
        }
    }

    /// All, in the order of the buttons.
    public static let choices: [BlockPeriod] = [.quarterHour, .day, .untilLifted]
}

extension Outcome {
    /// Where a request stands.
    public var wording: String {
        switch self {
        case .approved: "Approved"
        case .denied: "Denied"
        case .disputed: "Disputed: it had been used before, and is ended now"
        }
    }
}

extension EnrolmentState {
    /// Where an account stands.
    public var wording: String {
        switch self {
        case .unconfirmed: "Waits for its six digits"
        case .active: "Active"
        case .cancelled: "Was never active"
        case .revoked: "Removed"
        }
    }
}

extension RevocationReason {
    /// Why this phone is none of the account any more.
    public var wording: String {
        switch self {
        case .operator: "It was removed by an operator."
        case .user: "You removed it."
        case .disputed: "You said that what it approved was not you."
        case .cloned: "Two phones had its keys. Look after your accounts."
        }
    }
}
