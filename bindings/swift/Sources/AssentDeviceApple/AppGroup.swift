import AssentDevice
import Foundation
import Security

/// What an app and its extensions share: the app group of their entitlements, `group.org.example.bank` for one. It serves as the
/// access group of the keychain, too, so no other entitlement is needed for that.
public struct AppGroup: Sendable {
    private let name: String
    private let folder: URL

    /// Throws where this process has no such group, which is a matter of its entitlements.
    public init(_ name: String) throws(NoSuchGroup) {
        guard let folder = FileManager.default.containerURL(forSecurityApplicationGroupIdentifier: name) else {
            throw NoSuchGroup(name: name)
        }
        self.init(name, in: folder)
    }

    init(_ name: String, in folder: URL) {
        self.name = name
        self.folder = folder
    }

    /// All that `DeviceCore` needs on an iPhone. Make them once.
    ///
    /// - Parameter wording: what the platform's dialogue says, in the user's language; only approvals, lifted blocks, enrolments
    ///   and rotations are ever shown.
    public func ports(
        transport: any Transport, observer: (any Observer)? = nil,
        wording: @escaping @Sendable (SigningReason) -> String
    ) -> Ports {
        ports(SystemKeychain(sharedGroup: name), AppAttestAttestor(), transport, observer, wording)
    }

    /// Opens pushes in a notification service extension.
    public func noticeOpener() -> NoticeOpener { noticeOpener(SystemKeychain(sharedGroup: name)) }

    func ports(
        _ keychain: any Keychain, _ attestor: any Attestor, _ transport: any Transport, _ observer: (any Observer)?,
        _ wording: @escaping @Sendable (SigningReason) -> String
    ) -> Ports {
        Ports(
            vault: SecureEnclaveVault(keychain, wording: wording), store: KeychainStore(keychain), transport: transport,
            clock: SystemClock(), lock: lock, observer: observer, attestor: attestor)
    }

    func noticeOpener(_ keychain: any Keychain) -> NoticeOpener {
        NoticeOpener(ports: AppleExtensionPorts(keychain, lock), clock: SystemClock())
    }

    private var lock: FileLock { FileLock(path: folder.appendingPathComponent("assent.lock").path) }
}

/// This process is in no app group of that name.
public struct NoSuchGroup: Error, Equatable {
    /// As it was asked for.
    public let name: String
}
