import AssentDevice
import AssentDeviceApple
import AssentDeviceSoftware
import Foundation
import TestSupport
import Testing

/// What README.md shows is compiled, and works.
@Suite struct ReadmeTests {
    private static let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent()

    /// The blocks of this language, in their order.
    private func blocks(_ language: String) throws -> [String] {
        let readme = try String(contentsOf: Self.tests.appendingPathComponent("../../README.md").standardizedFileURL, encoding: .utf8)
        let parts = readme.components(separatedBy: "\n```")
        return stride(from: 1, to: parts.count, by: 2).map { parts[$0] }.filter { $0.hasPrefix(language + "\n") }
            .map { String($0.dropFirst(language.count + 1)) }
    }

    @Test func itsCodeIsCompiledWithTheseTests() throws {
        let examples = try String(contentsOf: Self.tests.appendingPathComponent("ReadmeExamples.swift"), encoding: .utf8)
        let shown = try blocks("swift").joined(separator: "\n\n")
        #expect(try blocks("swift").count == 4)
        #expect(examples.drop { $0 != "\n" }.dropFirst() == shown + "\n")
    }

    @Test func itsPackageIsOne() async throws {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("assent-swift-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        let manifest = try #require(try blocks("swift package").first)
        try Data(manifest.utf8).write(to: directory.appendingPathComponent("Package.swift"))
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["swift", "package", "--disable-sandbox", "--package-path", directory.path, "dump-package"]
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
    }

    @Test func itsPortsNeedAnAppGroup() {
        #expect(throws: NoSuchGroup.self) { try portsOfThisPhone() }
    }

    @Test func itsExamplesApprove() async throws {
        let provider = Provider.shared
        let joined = try await Joined()
        let asked = try await joined.bank.asked(joined.subject)
        let request = try await joined.phone.onlyRequest(joined.account)
        #expect(screen(of: request).last?.hasSuffix("Pay 20 EUR") == true)
        #expect(await answer(joined.phone.core, request, agreed: true, digits: nil) == "approved")
        #expect(try await joined.bank.poll(asked) == "tokens")

        // The issuer of the example is not this one.
        let ports = Ports(
            vault: SoftwareKeyVault(), store: MemoryStore(), transport: URLSessionTransport(), clock: SystemClock())
        let core = start(on: ports)
        let ticket = try await provider.ticket(provider.newUser())
        let refused = try await failure { try await enrol(core, ticket: ticket, push: .none) { _ in } }
        #expect(refused.code == "wrong_issuer")
    }
}
