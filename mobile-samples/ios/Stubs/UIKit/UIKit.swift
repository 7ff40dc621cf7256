// A stand-in, for type-checking on Linux only: proves nothing of Apple's behaviour. See the README in the folder above.
@_exported import Foundation

@MainActor
open class UIApplication {
    public struct LaunchOptionsKey: Hashable, RawRepresentable, Sendable {
        public let rawValue: String
        public init(rawValue: String) { self.rawValue = rawValue }
    }
    open func registerForRemoteNotifications() {}
}

public enum UIBackgroundFetchResult: UInt, Sendable { case newData = 0, noData, failed }

@MainActor
public protocol UIApplicationDelegate: NSObjectProtocol {
    func application(
        _ application: UIApplication, didFinishLaunchingWithOptions launchOptions: [UIApplication.LaunchOptionsKey: Any]?
    ) -> Bool
    func application(_ application: UIApplication, didRegisterForRemoteNotificationsWithDeviceToken deviceToken: Data)
    func application(_ application: UIApplication, didFailToRegisterForRemoteNotificationsWithError error: any Error)
    func application(
        _ application: UIApplication, didReceiveRemoteNotification userInfo: [AnyHashable: Any],
        fetchCompletionHandler completionHandler: @escaping (UIBackgroundFetchResult) -> Void)
}

@MainActor
open class UIDevice {
    public class var current: UIDevice { UIDevice() }
    open var name: String { "" }
    open var model: String { "" }
    open var systemName: String { "" }
    open var systemVersion: String { "" }
}

@MainActor
open class UIViewController: NSObject {}

public enum UIKeyboardType: Int, Sendable { case `default` = 0, numberPad = 4 }
