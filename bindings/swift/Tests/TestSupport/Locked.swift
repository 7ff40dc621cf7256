import Foundation

/// A value that several threads use.
package final class Locked<Value: Sendable>: @unchecked Sendable {
    private let lock = NSLock()
    private var value: Value

    package init(_ value: Value) { self.value = value }

    package var now: Value { lock.withLock { value } }

    @discardableResult
    package func change<Result>(_ change: (inout Value) throws -> Result) rethrows -> Result {
        try lock.withLock { try change(&value) }
    }
}

/// What did not come to be in time, or was not as it must be.
package struct Failed: Error, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }
}

/// Waits until `condition` holds; for as long as a busy machine may need.
package func eventually(_ what: String, _ condition: () async throws -> Bool) async throws {
    for _ in 0..<3_000 {
        if try await condition() { return }
        try await Task.sleep(for: .milliseconds(10))
    }
    throw Failed("never: \(what)")
}

extension Optional {
    /// What must be there.
    package func required(_ what: @autoclosure () -> String = "\(Wrapped.self)") throws -> Wrapped {
        guard let self else { throw Failed("missing: \(what())") }
        return self
    }
}
