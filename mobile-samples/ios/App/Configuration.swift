import AssentDevice
import AssentDeviceApple
import Foundation
import SampleLogic
import UIKit

/// What differs from app to app, and from debug to release.
@MainActor
enum Configuration {
    /// Whose accounts this app adds. `Info.plist` names them, from the build setting `ASSENT_ISSUER`.
    static var settings: Settings {
        let issuers = Bundle.main.object(forInfoDictionaryKey: "AssentIssuers") as? [String] ?? []
        #if DEBUG
            return Settings(issuers: issuers, development: true)
        #else
            return Settings(issuers: issuers, development: false)
        #endif
    }

    /// Xcode's own builds get their tokens from Apple's sandbox.
    static var sandbox: Bool {
        #if DEBUG
            true
        #else
            false
        #endif
    }

    /// What this phone says of itself. The user's name for it needs an entitlement from Apple; without that it is the model's.
    static var info: DeviceInfo {
        let device = UIDevice.current
        return DeviceInfo(
            name: device.name, model: device.model, os: "\(device.systemName) \(device.systemVersion)",
            appId: Bundle.main.bundleIdentifier ?? "", appVersion: version)
    }

    private static var version: String {
        Bundle.main.object(forInfoDictionaryKey: "CFBundleShortVersionString") as? String ?? ""
    }

    /// The app on this phone's hardware. Fails where the entitlements lack the app group.
    static func app() throws -> AppModel {
        let ports = try AppGroup(appGroupName).ports(transport: URLSessionTransport()) { $0.wording }
        return AppModel(core: DeviceCore(settings: settings, ports: ports), issuers: settings.issuers, info: info)
    }

    /// Stores what the user answers on a notification.
    static func opener() throws -> NoticeOpener { try AppGroup(appGroupName).noticeOpener() }
}
