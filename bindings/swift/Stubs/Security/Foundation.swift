// A stand-in, for Linux only: proves nothing of Apple's behaviour. See the README beside it.
// What Foundation has on Apple's systems and not on Linux.
import Foundation

extension FileManager {
    public func containerURL(forSecurityApplicationGroupIdentifier groupIdentifier: String) -> URL? { nil }
}

extension ProcessInfo {
    public func performExpiringActivity(withReason reason: String, using block: @escaping @Sendable (Bool) -> Void) {}
}
