import AssentDevice
import Foundation

/// Documents that live as long as this does.
public actor MemoryStore: SecureStore {
    private var documents: [String: Data] = [:]

    /// Begins empty.
    public init() {}

    /// What was last saved under this name.
    public func load(name: String) -> Data? { documents[name] }

    /// Replaces the document.
    public func save(name: String, content: Data) { documents[name] = content }

    /// Removes the document. An unknown name is no error.
    public func delete(name: String) { documents[name] = nil }
}
