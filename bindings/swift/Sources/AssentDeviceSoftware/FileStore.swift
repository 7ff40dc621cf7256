import AssentDevice
import Foundation

/// Documents as files of one directory, readable by their owner alone. They are not encrypted.
public actor FileStore: SecureStore {
    private let directory: URL

    /// - Parameter directory: Made at the first save, if need be.
    public init(directory: URL) { self.directory = directory }

    /// What was last saved under this name.
    public func load(name: String) throws -> Data? {
        let file = try file(name)
        guard FileManager.default.fileExists(atPath: file.path) else { return nil }
        return try failing { try Data(contentsOf: file) }
    }

    /// Replaces the document as a whole: written beside, made durable, then renamed over the old one.
    public func save(name: String, content: Data) throws {
        let file = try file(name)
        try failing {
            try FileManager.default.createDirectory(
                at: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
            let beside = file.appendingPathExtension("new")
            try synced(beside, flags: O_WRONLY | O_CREAT | O_TRUNC) { try $0.write(contentsOf: content) }
            guard rename(beside.path, file.path) == 0 else { throw systemError() }
            // The new name itself must survive a power cut too.
            try synced(directory, flags: O_RDONLY) { _ in }
        }
    }

    /// Removes the document. An unknown name is no error.
    public func delete(name: String) throws {
        let file = try file(name)
        guard unlink(file.path) == 0 || errno == ENOENT else { throw failed(systemError()) }
    }

    private func file(_ name: String) throws -> URL {
        guard name.wholeMatch(of: /[A-Za-z0-9-]+/) != nil else { throw StoreError.Failed(detail: "the name is no file name") }
        return directory.appendingPathComponent(name + ".json")
    }
}

private func synced(_ file: URL, flags: Int32, _ write: (FileHandle) throws -> Void) throws {
    let descriptor = open(file.path, flags | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw systemError() }
    let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: false)
    defer { close(descriptor) }
    try write(handle)
    guard fsync(descriptor) == 0 else { throw systemError() }
}

private func failing<T>(_ work: () throws -> T) throws -> T {
    do { return try work() } catch { throw failed(error) }
}

private func failed(_ error: any Error) -> StoreError { .Failed(detail: String(describing: error)) }

private func systemError() -> any Error { POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
