import AssentDeviceApple
import SampleLogic
import UserNotifications

/// Replaces what a push says by who asks for what, read from the sealed request. It has no network, signs nothing, and answers at
/// once. Nothing that whoever pushes could have written stays: words, category, thread, or the marks that the app reads.
final class NotificationService: UNNotificationServiceExtension {
    override func didReceive(
        _ request: UNNotificationRequest, withContentHandler contentHandler: @escaping (UNNotificationContent) -> Void
    ) {
        guard let content = request.content.mutableCopy() as? UNMutableNotificationContent else {
            return contentHandler(UNNotificationContent())
        }
        let text = NotificationText(pushData(content.userInfo), by: try? AppGroup(appGroupName).noticeOpener())
        content.title = text.title
        content.subtitle = ""
        content.body = text.body
        content.userInfo = text.marked(content.userInfo)
        content.categoryIdentifier = text.prompt == nil ? "" : Marks.category
        content.threadIdentifier = text.account ?? ""
        contentHandler(content)
    }
}
