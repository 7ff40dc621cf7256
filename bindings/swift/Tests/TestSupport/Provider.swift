import Foundation

#if canImport(FoundationNetworking)
import FoundationNetworking
#endif

/// A real provider on loopback with its admin API: the `simulator` that `SIMULATOR` names. It ends when released, and with this
/// process however that ends.
package final class Provider: Sendable {
    package static let shared = Provider()

    package let issuer: String
    private let running: Locked<Pipe>
    private let admin: String
    private let token: String

    package init() {
        let program = ProcessInfo.processInfo.environment["SIMULATOR"] ?? "simulator"
        let (input, output) = (Pipe(), Pipe())
        let process = Process()
        // The shell's input ends with its other end.
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = ["-c", "\"$@\" & read -r _; kill $!", "sh", program, "--describe", "--listen", "127.0.0.1:0", "--interval", "1"]
        process.standardInput = input
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        do { try process.run() } catch { fatalError("no shell: \(error)") }
        var line = Data()
        while line.last != UInt8(ascii: "\n") {
            let more = output.fileHandleForReading.availableData
            if more.isEmpty { fatalError("\(program) did not start; SIMULATOR must name the program `simulator`") }
            line += more
        }
        guard let described = try? JSONDecoder().decode(JSON.self, from: line), let issuer = described["issuer"]?.text,
            let admin = described["admin"]?["url"]?.text, let token = described["admin"]?["token"]?.text
        else { fatalError("\(program) did not say where it is") }
        (self.issuer, self.admin, self.token) = (issuer, admin, token)
        running = Locked(input)
    }

    deinit { try? running.now.fileHandleForWriting.close() }

    /// One call of the admin API, which must succeed unless another status is expected.
    @discardableResult
    package func admin(_ method: String, _ path: String, _ body: JSON? = nil, expect: ClosedRange<Int> = 200...299) async throws -> JSON {
        let headers = ["Authorization": "Bearer \(token)", "Content-Type": "application/json"]
        let (status, answer) = try await call(method, admin + path, try body.map(JSONEncoder().encode), headers)
        guard expect.contains(status) else { throw Failed("\(method) \(path): \(status) \(answer)") }
        return answer
    }

    /// A user who has nothing yet; returns the subject.
    package func newUser() async throws -> String {
        try await admin("POST", "/users", ["username": .text(UUID().uuidString)])["subject"].required().text.required()
    }

    package func ticket(_ subject: String) async throws -> String {
        try await admin("POST", "/users/\(subject)/tickets")["ticket"].required().text.required()
    }

    /// What the page that showed the ticket does with the digits that the user reads from the phone.
    package func typeDigits(_ enrolment: String, _ digits: String, expect: ClosedRange<Int> = 200...200) async throws {
        try await admin("POST", "/enrolments/\(enrolment)/confirm", ["digits": .text(digits)], expect: expect)
    }

    /// Names of the user's phones that may answer.
    package func activeDevices(_ subject: String) async throws -> [String] {
        try await devices(subject).filter { $0["status"] == "active" }.compactMap { $0["name"]?.text }
    }

    /// What an operator does about a phone that is lost.
    package func revoke(_ subject: String, enrolment: String) async throws {
        let device = try await devices(subject).first { $0["enrolment"]?.text == enrolment }
        try await admin("POST", "/devices/\(device.required()["id"].required().text.required())/revoke")
    }

    private func devices(_ subject: String) async throws -> [JSON] {
        try await admin("GET", "/users/\(subject)/devices")["devices"].required().list.required()
    }

    /// A confidential client that polls.
    package func newClient(_ metadata: [String: JSON]) async throws -> RelyingParty {
        let all = metadata.merging(["scope": "openid"]) { given, _ in given }
        let client = try await admin("POST", "/clients", .object(all))
        return RelyingParty(
            issuer: issuer, id: try client["client_id"].required().text.required(),
            secret: try client["client_secret"].required().text.required())
    }

    /// Ends a client: no other can be called like one that there is.
    package func remove(_ client: RelyingParty) async throws { try await admin("DELETE", "/clients/\(client.id)") }
}

/// Who asks users, at the provider.
package struct RelyingParty: Sendable {
    package let issuer: String
    package let id: String
    package let secret: String

    private func post(_ path: String, _ form: [String: String]) async throws -> (Int, JSON) {
        let basic = "Basic " + Data("\(id):\(secret)".utf8).base64EncodedString()
        let headers = ["Authorization": basic, "Content-Type": "application/x-www-form-urlencoded"]
        let body = form.map { "\($0.key)=\(escaped($0.value))" }.joined(separator: "&")
        return try await call("POST", issuer + path, Data(body.utf8), headers)
    }

    /// A backchannel authentication request; returns the whole acknowledgement, or fails with OAuth's error.
    package func ask(_ subject: String, _ parameters: [String: String] = ["binding_message": "Pay 20 EUR"]) async throws -> JSON {
        let form = parameters.merging(["scope": "openid", "login_hint": subject]) { given, _ in given }
        return try succeeded(await post("/backchannel/authenticate", form))
    }

    /// The same; returns its `auth_req_id`.
    package func asked(_ subject: String, _ message: String = "Pay 20 EUR") async throws -> String {
        try await ask(subject, ["binding_message": message])["auth_req_id"].required().text.required()
    }

    /// Takes a request back.
    package func cancel(_ request: String) async throws {
        _ = try succeeded(await post("/backchannel/cancel", ["auth_req_id": request]))
    }

    /// One call of the token endpoint.
    package func redeem(_ request: String) async throws {
        let form = ["grant_type": "urn:openid:params:grant-type:ciba", "auth_req_id": request]
        _ = try succeeded(await post("/token", form))
    }

    /// The same in a word: `tokens`, or the error.
    package func poll(_ request: String) async throws -> String {
        do {
            try await redeem(request)
            return "tokens"
        } catch let error as OAuthError {
            return error.code
        }
    }

    private func succeeded(_ answer: (Int, JSON)) throws -> JSON {
        if answer.0 == 200 { return answer.1 }
        throw OAuthError(code: try answer.1["error"].required().text.required())
    }
}

/// OAuth's `error`.
package struct OAuthError: Error {
    package let code: String
}

private let http = URLSession(configuration: .ephemeral)

private func call(_ method: String, _ url: String, _ body: Data?, _ headers: [String: String]) async throws -> (Int, JSON) {
    var request = URLRequest(url: try URL(string: url).required(), timeoutInterval: 30)
    request.httpMethod = method
    request.httpBody = body
    request.allHTTPHeaderFields = headers
    let (data, response) = try await http.data(for: request)
    let status = try (response as? HTTPURLResponse).required().statusCode
    return (status, data.isEmpty ? .null : try JSONDecoder().decode(JSON.self, from: data))
}

private func escaped(_ text: String) -> String {
    text.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? text
}
