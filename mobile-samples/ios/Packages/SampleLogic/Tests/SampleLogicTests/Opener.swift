import AssentDevice
import Foundation

/// Opens every push as the same notice, and remembers what was denied.
final class Opener: NoticeOpenerProtocol {
    let denied = Locked<[[String: String]]>([])
    private let failure: DeviceError?

    /// - Parameter failure: what every call fails with.
    init(fails failure: DeviceError? = nil) { self.failure = failure }

    func open(data: [String: String]) throws -> Notice? {
        if let failure { throw failure }
        return Notice(
            account: "account", prompt: "prompt", kind: .authentication, title: "Bank", body: "wants your approval",
            clientVerified: true, expiresAt: 0)
    }

    func handOverDenial(data: [String: String], reason: DenyReason) throws {
        if let failure { throw failure }
        guard reason == .notMe else { throw Failed("denied as \(reason)") }
        denied.change { $0.append(data) }
    }
}
