import AssentDeviceCore
import Foundation

/// The system's clocks. The monotonic one begins when this is made, and counts while the phone sleeps.
public final class SystemClock: AssentDeviceCore.Clock {
    private let started = ContinuousClock.now

    /// Begins at 0.
    public init() {}

    /// Milliseconds since 1970, as the phone believes.
    public func unixMillis() -> Int64 { Int64(Date().timeIntervalSince1970 * 1_000) }

    /// Milliseconds since this was made.
    public func monotonicMillis() -> Int64 {
        let (seconds, attoseconds) = started.duration(to: .now).components
        return seconds * 1_000 + attoseconds / 1_000_000_000_000_000
    }
}
