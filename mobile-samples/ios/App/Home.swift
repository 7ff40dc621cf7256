import AssentDevice
import Observation
import SampleLogic

/// The app's one model, and the request that is on top.
@MainActor @Observable
final class Home {
    /// Notifications with buttons, as the extension marks them.
    static let category = "assent.request"
    /// *This is not me*, on a notification.
    static let denyAction = "assent.deny"

    /// Absent where the app group is, which is a mistake in the entitlements.
    let app: AppModel?
    /// What is shown over everything else.
    var shown: ApprovalModel?
    /// A link that iOS opened the app with.
    var ticket: Ticket?

    init() { app = try? Configuration.app() }

    /// Shows a request.
    func show(_ request: ApprovalRequest) { shown = app.map { ApprovalModel(request, $0) } }

    /// A notification was tapped, or its button was. The extension wrote down which request it is, where it could read it.
    func answered(_ data: [String: String], denies: Bool) async {
        guard let app else { return }
        guard let account = data["account"], let prompt = data["prompt"] else { return await app.pushed(data) }
        if denies {
            await app.denied(account: account, prompt: prompt)
        } else if let request = await app.tapped(account: account, prompt: prompt) {
            show(request)
        }
    }
}

/// A link, to be shown in a sheet.
struct Ticket: Identifiable {
    let id: String
}
