// A stand-in, for type-checking on Linux only: proves nothing of Apple's behaviour. See the README in the folder above.
import Foundation
import UIKit

public struct Modified: Primitive {}

extension View {
    public func font(_ font: Font?) -> some View { Modified() }
    public func monospacedDigit() -> some View { Modified() }
    public func foregroundStyle<S: ShapeStyle>(_ style: S) -> some View { Modified() }
    public func lineLimit(_ number: Int?) -> some View { Modified() }
    public func fixedSize(horizontal: Bool, vertical: Bool) -> some View { Modified() }
    public func overlay<V: View>(@ViewBuilder content: () -> V) -> some View { Modified() }
    public func ignoresSafeArea() -> some View { Modified() }
    public func disabled(_ disabled: Bool) -> some View { Modified() }
    public func keyboardType(_ type: UIKeyboardType) -> some View { Modified() }
    public func textSelection<S: TextSelectability>(_ selectability: S) -> some View { Modified() }
    public func navigationTitle(_ titleKey: LocalizedStringKey) -> some View { Modified() }
    @_disfavoredOverload public func navigationTitle<S: StringProtocol>(_ title: S) -> some View { Modified() }
    public func toolbar<Content: ToolbarContent>(@ToolbarContentBuilder content: () -> Content) -> some View { Modified() }
    public func sheet<Content: View>(
        isPresented: Binding<Bool>, onDismiss: (() -> Void)? = nil, @ViewBuilder content: @escaping () -> Content
    ) -> some View { Modified() }
    public func sheet<Item: Identifiable, Content: View>(
        item: Binding<Item?>, onDismiss: (() -> Void)? = nil, @ViewBuilder content: @escaping (Item) -> Content
    ) -> some View { Modified() }
    public func task(
        priority: TaskPriority = .userInitiated, @_inheritActorContext _ action: @escaping @Sendable () async -> Void
    ) -> some View { Modified() }
    public func task<T: Equatable>(
        id value: T, priority: TaskPriority = .userInitiated, @_inheritActorContext _ action: @escaping @Sendable () async -> Void
    ) -> some View { Modified() }
    public func refreshable(action: @escaping @Sendable () async -> Void) -> some View { Modified() }
    public func onOpenURL(perform action: @escaping (URL) -> Void) -> some View { Modified() }
    public func confirmationDialog<A: View>(
        _ titleKey: LocalizedStringKey, isPresented: Binding<Bool>, titleVisibility: Visibility = .automatic,
        @ViewBuilder actions: () -> A
    ) -> some View { Modified() }
    public func confirmationDialog<A: View>(
        _ title: Text, isPresented: Binding<Bool>, titleVisibility: Visibility = .automatic, @ViewBuilder actions: () -> A
    ) -> some View { Modified() }
    public func confirmationDialog<A: View, M: View, T>(
        _ titleKey: LocalizedStringKey, isPresented: Binding<Bool>, titleVisibility: Visibility = .automatic,
        presenting data: T?, @ViewBuilder actions: (T) -> A, @ViewBuilder message: (T) -> M
    ) -> some View { Modified() }
}

public protocol TextSelectability {}
public struct EnabledTextSelectability: TextSelectability {}
extension TextSelectability where Self == EnabledTextSelectability {
    public static var enabled: EnabledTextSelectability { EnabledTextSelectability() }
}

@MainActor @preconcurrency
public protocol ToolbarContent {}
@resultBuilder
public struct ToolbarContentBuilder {
    public static func buildBlock<each Content: ToolbarContent>(_ content: repeat each Content) -> some ToolbarContent {
        ToolbarTuple()
    }
}
public struct ToolbarTuple: ToolbarContent { nonisolated init() {} }
public struct ToolbarItem<Content: View>: ToolbarContent {
    public init(placement: ToolbarItemPlacement, @ViewBuilder content: () -> Content) {}
}
public struct ToolbarItemPlacement {
    public static var cancellationAction: ToolbarItemPlacement { ToolbarItemPlacement() }
    public static var topBarLeading: ToolbarItemPlacement { ToolbarItemPlacement() }
    public static var topBarTrailing: ToolbarItemPlacement { ToolbarItemPlacement() }
}

// UIKit within SwiftUI

@propertyWrapper @MainActor
public struct UIApplicationDelegateAdaptor<Delegate: NSObject & UIApplicationDelegate> {
    public init(_ type: Delegate.Type = Delegate.self) {}
    public var wrappedValue: Delegate { fatalError() }
}

@MainActor @preconcurrency
public protocol UIViewControllerRepresentable: View where Body == Never {
    associatedtype UIViewControllerType: UIViewController
    associatedtype Coordinator = Void
    func makeUIViewController(context: Context) -> UIViewControllerType
    func updateUIViewController(_ uiViewController: UIViewControllerType, context: Context)
    func makeCoordinator() -> Coordinator
    typealias Context = UIViewControllerRepresentableContext<Self>
}
extension UIViewControllerRepresentable {
    public var body: Never { fatalError() }
}
@MainActor
public struct UIViewControllerRepresentableContext<Representable: UIViewControllerRepresentable> {
    public var coordinator: Representable.Coordinator { fatalError() }
}
