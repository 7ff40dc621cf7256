import AssentDevice
import SampleLogic
import UIKit
import UserNotifications

/// What UIKit tells an app: pushes, and the token that they need.
@MainActor
final class AppDelegate: NSObject, UIApplicationDelegate {
    /// Set up once, by whichever comes first: a window, or a push that woke the app.
    let home = Home()

    func application(
        _ application: UIApplication, didFinishLaunchingWithOptions options: [UIApplication.LaunchOptionsKey: Any]?
    ) -> Bool {
        let center = UNUserNotificationCenter.current()
        center.delegate = self
        let deny = UNNotificationAction(
            identifier: Home.denyAction, title: DenyReason.notMe.wording, options: [.authenticationRequired])
        center.setNotificationCategories([
            UNNotificationCategory(identifier: Marks.category, actions: [deny], intentIdentifiers: [], options: [])
        ])
        Task {
            _ = try? await center.requestAuthorization(options: [.alert, .sound])
            // At every start: tokens change, and silent pushes come without leave.
            application.registerForRemoteNotifications()
        }
        return true
    }

    func application(_ application: UIApplication, didRegisterForRemoteNotificationsWithDeviceToken token: Data) {
        Task { await home.app?.push.registered(token, sandbox: Configuration.sandbox) }
    }

    func application(_ application: UIApplication, didFailToRegisterForRemoteNotificationsWithError error: any Error) {
        home.app?.push.refused(error.localizedDescription)
    }

    /// A silent push: a request is over, and its notification goes.
    func application(
        _ application: UIApplication, didReceiveRemoteNotification userInfo: [AnyHashable: Any],
        fetchCompletionHandler completionHandler: @escaping (UIBackgroundFetchResult) -> Void
    ) {
        let data = pushData(userInfo)
        guard let push = try? pushNotification(data: data) else { return completionHandler(.noData) }
        // The server's collapse id, which iOS makes the notification's identifier.
        if push.dismissed { UNUserNotificationCenter.current().removeDeliveredNotifications(withIdentifiers: [push.tag]) }
        Task {
            await home.app?.pushed(data)
            completionHandler(.newData)
        }
    }
}

extension AppDelegate: @preconcurrency UNUserNotificationCenterDelegate {
    /// The app is in front: it shows the request itself.
    func userNotificationCenter(
        _ center: UNUserNotificationCenter, willPresent notification: UNNotification,
        withCompletionHandler completionHandler: @escaping (UNNotificationPresentationOptions) -> Void
    ) {
        let data = pushData(notification.request.content.userInfo)
        Task { await home.app?.pushed(data) }
        completionHandler([.sound])
    }

    /// The user tapped a notification, or its button.
    func userNotificationCenter(
        _ center: UNUserNotificationCenter, didReceive response: UNNotificationResponse,
        withCompletionHandler completionHandler: @escaping () -> Void
    ) {
        let data = pushData(response.notification.request.content.userInfo)
        let denies = response.actionIdentifier == Home.denyAction
        Task {
            await home.answered(data, denies: denies)
            completionHandler()
        }
    }
}
