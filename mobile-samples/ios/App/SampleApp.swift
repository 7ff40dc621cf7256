import SampleLogic
import SwiftUI

/// The smallest app that approves a login.
@main
struct SampleApp: App {
    @UIApplicationDelegateAdaptor(AppDelegate.self) private var delegate
    @Environment(\.scenePhase) private var phase

    var body: some Scene {
        WindowGroup {
            if let app = delegate.home.app {
                Covered { HomeScreen(home: delegate.home, app: app) }
                    .onOpenURL { delegate.home.addAccount(link: $0.absoluteString) }
                    .task(id: phase) { if phase == .active { await app.opened() } }
            } else {
                Text("The entitlements of this build lack its app group.")
            }
        }
    }
}
