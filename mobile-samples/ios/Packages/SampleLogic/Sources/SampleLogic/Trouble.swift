import AssentDevice

/// A failure as the user is told of it, and what the app offers next.
public struct Trouble: Equatable, Sendable {
    /// What the app offers.
    public enum Remedy: Equatable, Sendable {
        /// The same again.
        case tryAgain
        /// New keys for the account, in place of those that ended.
        case renewKeys
        /// A new enrolment; what is left of the account goes.
        case enrolAgain
        /// To discard what is stored and cannot be read.
        case discard
        /// Nothing: the request or the ticket is over.
        case leave
    }

    /// For the user.
    public let text: String
    /// What helps.
    public let remedy: Remedy
    /// For the log: a stable word, no text of a request.
    public let code: String

    /// Of a call. Anything but a `DeviceError` is a mistake of the app.
    public init(_ error: any Error) { self.init(code: (error as? DeviceError)?.code ?? "app") }

    /// Of an answer: it was stored before it was sent.
    init(ofAnswer error: any Error) {
        let found = Trouble(error)
        let kept = found.code == "unreachable" ? found.text + " What you answered is kept and sent later." : found.text
        self.init(text: kept, remedy: found.remedy, code: found.code)
    }

    private init(text: String, remedy: Remedy, code: String) { (self.text, self.remedy, self.code) = (text, remedy, code) }

    /// Of a `DeviceError`'s code, as `sync` says it for single accounts.
    public init(code: String) {
        (text, remedy) = said[code] ?? ("It did not work.", .tryAgain)
        self.code = code
    }
}

/// What came of a call, and what the user is told if it failed.
@MainActor
func attempt<Answer>(_ call: @MainActor () async throws -> Answer) async -> (answer: Answer?, trouble: Trouble?) {
    do {
        return (try await call(), nil)
    } catch is CancellationError {
        return (nil, nil) // nobody waits for it any more
    } catch {
        return (nil, Trouble(error))
    }
}

private let untrusted = ("Something arrived that cannot be trusted. It is not shown.", Trouble.Remedy.leave)
private let faulty = ("Something is wrong with this phone.", Trouble.Remedy.tryAgain)

/// The words for every code of a `DeviceError`.
private let said: [String: (String, Trouble.Remedy)] = [
    "not_a_ticket": ("This is no link for adding an account.", .leave),
    "wrong_issuer": ("This app adds no accounts of that server.", .leave),
    "insecure_issuer": ("That server is not protected.", .leave),
    "unfit_name": ("The name of this phone cannot be shown to others.", .leave),
    "unreachable": ("No connection.", .tryAgain),
    "untrusted_certificate":
        ("Somebody else answered in the server's place. Try another network, and check this phone's clock.", .tryAgain),
    "server_busy": ("The server is busy. Try again in a moment.", .tryAgain),
    "proof_not_taken": ("The server did not take this phone's word. Try again.", .tryAgain),
    "untrusted": untrusted,
    "unshowable": untrusted,
    "not_understood": ("The server says what this app does not know. Try again, or update the app.", .tryAgain),
    "not_our_push": untrusted,
    "expired": ("Too late: this has expired.", .leave),
    "already_answered": ("This was answered before.", .leave),
    "withdrawn": ("The request was taken back.", .leave),
    "unknown_prompt": ("This request is over.", .leave),
    "busy": ("One moment: this is being answered.", .tryAgain),
    "display_not_taken": ("Look at the request first.", .tryAgain),
    "display_incomplete": ("Look at the whole request first.", .tryAgain),
    "match_code_needed": ("Type the digits that the other screen shows.", .tryAgain),
    "user_cancelled": ("Nothing was approved.", .tryAgain),
    "key_unavailable":
        ("Face ID, Touch ID or the passcode cannot be used now. Unlock the phone, or set them up.", .tryAgain),
    "key_invalidated":
        ("Face ID or Touch ID was changed on this phone, so its key for approvals has ended.", .renewKeys),
    "keys_lost": ("This phone's keys are gone, as after a restore.", .enrolAgain),
    "unknown_account": ("This account is not on this phone.", .enrolAgain),
    "not_active": ("This account is not active on this phone.", .enrolAgain),
    "revoked": ("This phone was removed from the account.", .enrolAgain),
    "suspended":
        ("This phone was taken out of use, because something is wrong. Look after your accounts.", .enrolAgain),
    "storage": faulty,
    "clock": faulty,
    "platform": faulty,
    "damaged_state": ("What this app has stored cannot be read.", .discard),
    "newer_state": ("Update this app: a newer one has written its data.", .leave),
    "refused": ("The server refused this.", .leave),
    "app": ("Something went wrong in this app.", .tryAgain),
]
