import AssentDevice
import Foundation
import Observation

/// Whether and how pushes reach this phone.
@MainActor @Observable
public final class PushModel {
    /// Where they go; `nil` as long as Apple has not said, and then the server's word stands.
    public private(set) var target: PushTarget?
    /// Why Apple gave no token.
    public private(set) var refusal: String?
    /// What went wrong last, by account.
    public private(set) var troubles: [String: Trouble] = [:]
    /// What each realm asks of phones, as last heard.
    public internal(set) var policies: [String: Policy] = [:]

    private let core: DeviceCore
    private var token: PushTarget?

    private let defaults: UserDefaults
    private static let key = "pushes-wanted"

    init(core: DeviceCore, defaults: UserDefaults) {
        (self.core, self.defaults) = (core, defaults)
        wanted = defaults.object(forKey: Self.key) as? Bool ?? true
        target = wanted ? nil : PushTarget.none
    }

    /// Whether pushes are wanted, as remembered. The phone asks by itself otherwise, while the app is in front.
    public private(set) var wanted: Bool

    /// Apple named this phone. Tokens change: it is told at every start.
    public func registered(_ token: Data, sandbox: Bool) async {
        let hexadecimal = token.map { String(format: "%02x", $0) }.joined()
        self.token = .apns(token: hexadecimal, sandbox: sandbox)
        refusal = nil
        await tell()
    }

    /// Apple did not, as in a simulator, or without a network.
    public func refused(_ reason: String) { refusal = reason }

    /// The user's choice.
    public func want(_ wanted: Bool) async {
        self.wanted = wanted
        defaults.set(wanted, forKey: Self.key)
        await tell()
    }

    /// Tells every server. One that cannot be reached hears it at the next `sync`.
    private func tell() async {
        target = wanted ? token : PushTarget.none
        guard let target, let accounts = try? await core.accounts() else { return }
        troubles = [:]
        for account in accounts where account.state == .active {
            troubles[account.id] = await attempt { try await core.updatePush(account: account.id, target: target) }.trouble
        }
    }

    /// How it is, in a sentence.
    public var wording: String {
        switch target {
        case .apns: "Requests arrive by push."
        case .some(.none): "Pushes are off. This app asks while it is open."
        case nil where refusal != nil: "Apple gave no token: \(refusal ?? ""). This app asks while it is open."
        default: "Waiting for Apple's token."
        }
    }
}
