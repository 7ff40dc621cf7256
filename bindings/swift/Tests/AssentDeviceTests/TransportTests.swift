import AssentDevice
import Foundation
import TestSupport
import Testing

/// `URLSessionTransport` against servers that mean no good.
@Suite struct TransportTests {
    private let transport = URLSessionTransport()

    private func get(_ url: String, within seconds: UInt32 = 20) -> HttpRequest {
        HttpRequest(method: "GET", url: url, headers: [], body: Data(), timeoutSeconds: seconds)
    }

    private func failure(of request: HttpRequest) async throws -> TransportError {
        do {
            throw Failed("answered: \(try await transport.send(request: request).status)")
        } catch let error as TransportError {
            return error
        }
    }

    private static func response(_ status: String, _ headers: String = "", _ body: String = "") -> Data {
        Data("HTTP/1.1 \(status)\r\nConnection: close\r\n\(headers)Content-Length: \(body.utf8.count)\r\n\r\n\(body)".utf8)
    }

    @Test func methodHeadersAndBodyArriveAsTheyAre() async throws {
        let server = try Server { _, part in part == 0 ? Self.response("418 Teapot", "X-Nonce: n\r\n", "short") : nil }
        let headers = [HttpHeader(name: "Content-Type", value: "application/json"), HttpHeader(name: "X-Proof", value: "p")]
        let response = try await transport.send(
            request: HttpRequest(method: "POST", url: server.url + "a?b=c%20d", headers: headers, body: Data("{}".utf8), timeoutSeconds: 20))
        #expect(response.status == 418)
        #expect(response.body == Data("short".utf8))
        #expect(response.headers.contains { $0.name.lowercased() == "x-nonce" && $0.value == "n" })
        let heard = try #require(server.heard.now.first)
        #expect(heard.hasPrefix("POST /a?b=c%20d HTTP/1.1\r\n"))
        for line in ["content-type: application/json", "x-proof: p", "content-length: 2"] {
            #expect(heard.lowercased().contains("\r\n\(line)\r\n"))
        }
    }

    @Test func aRedirectIsTheResponse() async throws {
        let server = try Server { _, part in part == 0 ? Self.response("302 Found", "Location: /elsewhere\r\n") : nil }
        #expect(try await transport.send(request: get(server.url)).status == 302)
        #expect(server.heard.now.count == 1)
    }

    @Test func cookiesAreNotKeptAndNothingIsCached() async throws {
        let headers = "Set-Cookie: a=b; Path=/\r\nCache-Control: max-age=3600\r\n"
        let server = try Server { _, part in part == 0 ? Self.response("200 OK", headers, "x") : nil }
        for _ in 1...2 { #expect(try await transport.send(request: get(server.url)).status == 200) }
        #expect(server.heard.now.count == 2)
        #expect(!server.heard.now.joined().lowercased().contains("cookie"))
    }

    @Test func aBodyThatIsTooLongIsGivenUpWhileItArrives() async throws {
        let server = try Server { _, part in
            part == 0 ? Data("HTTP/1.1 200 OK\r\n\r\n".utf8) : Data(repeating: 0x61, count: 65_536)
        }
        guard case .Unreachable = try await failure(of: get(server.url)) else { throw Failed("not given up") }
        try await eventually("the connection is closed") { server.hungUp.now == 1 }
    }

    @Test func aBodyThatSaysItIsTooLongIsNotWaitedFor() async throws {
        let stays = Locked(true)
        let server = try Server { _, part in
            if part == 0 { return Data("HTTP/1.1 200 OK\r\nContent-Length: 262145\r\n\r\n".utf8) }
            while stays.now { Thread.sleep(forTimeInterval: 0.01) }
            return nil
        }
        defer { stays.change { $0 = false } }
        guard case .Unreachable = try await failure(of: get(server.url)) else { throw Failed("not given up") }
    }

    @Test func aBodyOfTheLongestKindIsTaken() async throws {
        let body = String(repeating: "a", count: 256 * 1024)
        let server = try Server { _, part in part == 0 ? Self.response("200 OK", "", body) : nil }
        #expect(try await transport.send(request: get(server.url)).body.count == 256 * 1024)
    }

    @Test func aServerThatSaysNothingTimesOut() async throws {
        let server = try Server()
        #expect(try await failure(of: get(server.url, within: 1)) == .TimedOut)
    }

    @Test func aServerThatGoesOnForEverTimesOut() async throws {
        let server = try Server { _, part in
            if part > 0 { Thread.sleep(forTimeInterval: 0.1) }
            return part == 0 ? Data("HTTP/1.1 200 OK\r\n\r\n".utf8) : Data("a".utf8)
        }
        #expect(try await failure(of: get(server.url, within: 1)) == .TimedOut)
    }

    @Test func whoCannotBeReachedIsToldApartFromWhoIsNotTrusted() async throws {
        guard case .Unreachable = try await failure(of: get("http://127.0.0.1:1/")) else { throw Failed("not unreachable") }
        guard case .Unreachable = try await failure(of: get("file:///etc/passwd")) else { throw Failed("not unreachable") }
        let garbage = try Server { _, part in part == 0 ? Data("SSH-2.0-OpenSSH\r\n".utf8) : nil }
        guard case .Unreachable = try await failure(of: get(garbage.url)) else { throw Failed("not unreachable") }
        let plain = garbage.url.replacing("http:", with: "https:")
        guard case .Unreachable = try await failure(of: get(plain)) else { throw Failed("not unreachable") }
        let server = try await SelfSigned()
        let failed = try await failure(of: get(server.url))
        guard case .UntrustedCertificate = failed else { throw Failed("not untrusted: \(failed)") }
    }

    @Test func aCancelledCallEndsAndClosesItsConnection() async throws {
        let server = try Server { _, part in Data(part == 0 ? "HTTP/1.1 200 OK\r\n\r\n".utf8 : "a".utf8) }
        let calling = Task { try await transport.send(request: get(server.url)) }
        try await eventually("the call arrives") { server.heard.now.count == 1 }
        calling.cancel()
        await #expect(throws: CancellationError.self) { try await calling.value }
        try await eventually("the connection is closed") { server.hungUp.now == 1 }
    }
}
