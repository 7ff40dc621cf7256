import AssentDevice
import Observation
import SampleLogic

/// The app's one model, and the request that is on top.
@MainActor @Observable
final class Home {
    /// *This is not me*, on a notification.
    static let denyAction = "assent.deny"

    /// Absent where the app group is, which is a mistake in the entitlements.
    let app: AppModel?
    private var approval: ApprovalModel?
    private var enrolment: (model: EnrolmentModel, link: String)?

    init() { app = try? Configuration.app() }

    /// What is shown over everything else: a request before an enrolment, which comes back after it.
    var sheet: Sheet? {
        get { approval.map(Sheet.approval) ?? enrolment.map { .enrolment($0.model, link: $0.link) } }
        set {
            // SwiftUI only ever takes away what is shown.
            guard newValue == nil else { return }
            if approval == nil { enrolment = nil } else { approval = nil }
        }
    }

    /// Shows a request.
    func show(_ request: ApprovalRequest) { approval = app.map { ApprovalModel(request, $0) } }

    /// Shows how an account is added.
    /// - Parameter link: one that iOS opened the app with.
    func addAccount(link: String = "") { enrolment = app.map { (EnrolmentModel($0), link) } }

    /// A notification was tapped, or its button was. A denial is believed by the sealed request itself; which request to show,
    /// the extension wrote down where it could read it.
    func answered(_ data: [String: String], denies: Bool) async {
        guard let app else { return }
        if denies, let opener = try? Configuration.opener() { return await app.denied(data, by: opener) }
        guard let (account, prompt) = Marks.read(data) else { return await app.pushed(data) }
        if let request = await app.tapped(account: account, prompt: prompt) { show(request) }
    }
}

/// A screen over the others.
enum Sheet: Identifiable {
    case approval(ApprovalModel)
    case enrolment(EnrolmentModel, link: String)

    var id: ObjectIdentifier {
        switch self {
        case .approval(let model): ObjectIdentifier(model)
        case .enrolment(let model, _): ObjectIdentifier(model)
        }
    }
}
