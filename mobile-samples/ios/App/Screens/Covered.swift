import SwiftUI

/// A screen that shows nothing while the app is not in front, so that the app switcher has no picture of it; behind the
/// platform's dialogue, too. A sheet needs one of its own: it lies over what covers the screen below.
struct Covered<Content: View>: View {
    @ViewBuilder let content: () -> Content
    @Environment(\.scenePhase) private var phase

    var body: some View {
        content().overlay { if phase != .active { Color.black.ignoresSafeArea() } }
    }
}
