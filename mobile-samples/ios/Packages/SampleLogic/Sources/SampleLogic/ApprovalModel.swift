import AssentDevice
import Observation

/// One request on one screen. It shows `display` as it is, and answers the very object that was shown.
@MainActor @Observable
public final class ApprovalModel: Identifiable {
    /// How far it is.
    public enum Stage: Equatable {
        /// The user reads.
        case asking
        /// An answer is signed and sent.
        case answering
        /// The server took it; whether the user meant to approve.
        case answered(Outcome, approving: Bool)
        /// It is over without an answer.
        case over(Trouble)
    }

    /// How far it is.
    public private(set) var stage = Stage.asking
    /// All that must be shown. Warnings are as of the last `look`.
    public private(set) var display: Display
    /// What went wrong with the last try.
    public private(set) var trouble: Trouble?
    /// Whether the client was blocked.
    public private(set) var blocked: BlockPeriod?
    /// What the user typed of the other screen's digits.
    public var digits = ""
    /// The object that is shown.
    public let request: ApprovalRequest

    private let app: AppModel
    private var reason: DenyReason?

    /// Takes the screen.
    public init(_ request: ApprovalRequest, _ app: AppModel) {
        self.request = request
        self.app = app
        display = request.display()
    }

    /// Warnings as they are now: call it every second.
    public func look() {
        if stage == .asking { display = request.display() }
    }

    /// Whether all digits are typed, where there are any, and it is not too late.
    public var canApprove: Bool {
        stage == .asking && !display.warnings.contains(.expired)
            && display.matchCode.map { digits.count == Int($0.digits) && digits.allSatisfy(\.isASCIIDigit) } ?? true
    }

    /// Whether blocking the client makes sense now.
    public var offersBlock: Bool {
        guard case .answered(_, approving: false) = stage else { return false }
        return reason == .notMe && display.kind == .authentication && blocked == nil
    }

    /// Approves. The platform's dialogue appears, unless the request asks for less.
    public func approve() async {
        guard canApprove else { return }
        await answer(approving: true) {
            if display.matchCode != nil { try request.enterMatchCode(code: digits) }
            return try await app.core.approve(request: request)
        }
    }

    /// Denies. It asks nothing of the user.
    public func deny(_ reason: DenyReason) async {
        guard stage == .asking else { return }
        self.reason = reason
        await answer(approving: false) { try await app.core.deny(request: request, reason: reason) }
    }

    /// Keeps the client from asking again.
    public func block(_ period: BlockPeriod) async {
        guard offersBlock else { return }
        (blocked, trouble) = await attempt {
            try await app.core.blockClient(account: request.account(), client: request.clientId(), lasts: period)
            return period
        }
    }

    private func answer(approving: Bool, _ call: @MainActor () async throws -> Outcome) async {
        stage = .answering
        trouble = nil
        do {
            stage = .answered(try await call(), approving: approving)
            app.left(request)
        } catch {
            settle(Trouble(ofAnswer: error))
        }
    }

    private func settle(_ found: Trouble) {
        switch found.remedy {
        case .tryAgain, .renewKeys, .discard:
            stage = .asking
            trouble = found
        case .leave, .enrolAgain:
            stage = .over(found)
            app.left(request)
        }
    }

    /// How it ended, in a sentence.
    public var conclusion: String? {
        switch stage {
        case .asking, .answering: nil
        case .answered(.denied, approving: true): "Denied: the digits were not those of the other screen."
        case .answered(let outcome, _): outcome.wording
        case .over(let trouble): trouble.text
        }
    }
}

extension Character {
    fileprivate var isASCIIDigit: Bool { isASCII && isNumber }
}
