import Foundation
import TestSupport

/// A socket on loopback. What it says to each who connects is a test's choice.
final class Server: Sendable {
    /// Whole requests, as they arrived.
    let heard = Locked<[String]>([])
    /// How many have hung up while something was said to them.
    let hungUp = Locked(0)
    let port: UInt16
    private let listening: Int32

    /// - Parameter parts: What is said to a whole request, part by part, until `nil`. Without it, nothing is said, ever.
    init(saying parts: (@Sendable (_ request: String, _ part: Int) -> Data?)? = nil) throws {
        let (listening, port) = try listen()
        (self.listening, self.port) = (listening, port)
        signal(SIGPIPE, SIG_IGN)
        Thread.detachNewThread { [heard, hungUp] in
            while case let connection = accept(listening, nil, nil), connection >= 0 {
                Thread.detachNewThread { serve(connection, parts, heard, hungUp) }
            }
        }
    }

    var url: String { "http://127.0.0.1:\(port)/" }

    deinit {
        shutdown(listening, Int32(SHUT_RDWR))
        close(listening)
    }
}

/// A socket on a free port of loopback.
private func listen() throws -> (Int32, UInt16) {
    #if canImport(Glibc)
    let listening = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    #else
    let listening = socket(AF_INET, SOCK_STREAM, 0)
    #endif
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = inet_addr("127.0.0.1")
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let listens = withUnsafeMutablePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
            bind(listening, address, length) == 0 && listen(listening, 8) == 0
                && getsockname(listening, address, &length) == 0
        }
    }
    guard listens else { throw Failed("no socket") }
    return (listening, UInt16(bigEndian: address.sin_port))
}

private func serve(
    _ connection: Int32, _ parts: (@Sendable (String, Int) -> Data?)?, _ heard: Locked<[String]>, _ hungUp: Locked<Int>
) {
    defer { close(connection) }
    var request = ""
    var buffer = [UInt8](repeating: 0, count: 4_096)
    // Who begins with no letter speaks no HTTP.
    while request.first?.isLetter != false && !request.contains("\r\n\r\n") || parts == nil {
        let length = read(connection, &buffer, buffer.count)
        if length <= 0 { return }
        request += String(decoding: buffer.prefix(length), as: UTF8.self)
    }
    heard.change { $0.append(request) }
    var part = 0
    while let said = parts?(request, part) {
        let written = said.withUnsafeBytes { write(connection, $0.baseAddress, $0.count) }
        if written < said.count { return hungUp.change { $0 += 1 } }
        part += 1
    }
}

/// TLS by a certificate that nobody trusts, by the program `openssl`. It ends when released.
final class SelfSigned: Sendable {
    let url: String
    private let process: Locked<Process>

    init() async throws {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("assent-swift-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        let pem = directory.appendingPathComponent("pem").path
        let making = try openssl([
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", pem + ".key", "-out",
            pem, "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
        ])
        making.waitUntilExit()
        guard making.terminationStatus == 0 else { throw Failed("openssl made no certificate") }
        let output = Pipe()
        let serving = try openssl(["s_server", "-accept", "127.0.0.1:0", "-cert", pem, "-key", pem + ".key", "-www"], output)
        var said = ""
        while true {
            let more = output.fileHandleForReading.availableData
            if more.isEmpty { throw Failed("openssl does not serve: \(said)") }
            said += String(decoding: more, as: UTF8.self)
            if let match = said.firstMatch(of: /ACCEPT 127\.0\.0\.1:([0-9]+)/) {
                url = "https://127.0.0.1:\(match.1)/"
                break
            }
        }
        process = Locked(serving)
    }

    deinit { process.now.terminate() }
}

private func openssl(_ arguments: [String], _ output: Pipe? = nil) throws -> Process {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/openssl")
    process.arguments = arguments
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = output ?? FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    try process.run()
    return process
}
