import AssentDeviceApple
import SampleLogic
import UserNotifications

/// Replaces the fixed words of a push by who asks for what, read from the sealed request. It has no network, signs nothing, and
/// answers at once; where it fails, iOS shows what the server sent.
final class NotificationService: UNNotificationServiceExtension {
    override func didReceive(
        _ request: UNNotificationRequest, withContentHandler contentHandler: @escaping (UNNotificationContent) -> Void
    ) {
        guard let content = request.content.mutableCopy() as? UNMutableNotificationContent,
            let opener = try? AppGroup(appGroupName).noticeOpener()
        else { return contentHandler(request.content) }
        let text = NotificationText(pushData(content.userInfo), by: opener)
        content.title = text.title
        content.body = text.body
        if let account = text.account, let prompt = text.prompt {
            content.userInfo["account"] = account
            content.userInfo["prompt"] = prompt
            content.categoryIdentifier = "assent.request"
            content.threadIdentifier = account
        }
        contentHandler(content)
    }
}
