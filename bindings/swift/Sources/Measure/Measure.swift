import AssentDevice
import AssentDeviceSoftware
import Foundation
import TestSupport

/// How long one approval takes a phone in this process, from `approve` to the server's signed word: keys in software, state in
/// memory, the provider on loopback. Reported once as the user waits, and once without what key vault and network take.
@main struct Measure {
    static func main() async throws {
        let approvals = try await approvals(warmUp: 20, counted: 300)
        report("approve in Swift", approvals.map(\.whole))
        report("without key vault and network", approvals.map { $0.whole - $0.inPorts })
    }

    private static func report(_ what: String, _ times: [Duration]) {
        let sorted = times.sorted()
        let text = [("p50", 50), ("p95", 95), ("p99", 99)].map { name, share in
            "\(name) \(String(format: "%.2f", sorted[(sorted.count - 1) * share / 100] / .milliseconds(1))) ms"
        }
        print("\(what), \(sorted.count) times: \(text.joined(separator: ", "))")
    }

    private static func approvals(warmUp: Int, counted: Int) async throws -> [(whole: Duration, inPorts: Duration)] {
        let (provider, slow) = (Provider.shared, TimedPorts())
        let ports = Ports(vault: slow, store: MemoryStore(), transport: slow, clock: SystemClock())
        let core = DeviceCore(settings: Settings(issuers: [provider.issuer], development: true), ports: ports)
        let info = DeviceInfo(name: "Phone", model: "Swift", os: "any", appId: "org.example.app", appVersion: "1.0")
        let subject = try await provider.newUser()
        let enrolment = try await core.enrol(ticket: provider.ticket(subject), info: info, push: .none)
        try await provider.typeDigits(enrolment.account(), enrolment.digits().required())
        guard try await enrolment.refresh() == .active else { throw Failed("the phone did not become active") }
        let bank = try await provider.newClient(["client_name": "Example Bank"])
        var times: [(whole: Duration, inPorts: Duration)] = []
        for _ in 0..<(warmUp + counted) {
            let asked = try await bank.asked(subject)
            let request = try await core.pending(account: enrolment.account(), waitSeconds: 5).first.required("request")
            _ = request.display()
            slow.spent.change { $0 = .zero }
            let started = ContinuousClock.now
            guard try await core.approve(request: request) == .approved else { throw Failed("not approved") }
            times.append((started.duration(to: .now), slow.spent.now))
            guard try await bank.poll(asked) == "tokens" else { throw Failed("no tokens") }
        }
        return Array(times.dropFirst(warmUp))
    }
}

/// The two ports that take their time, which is added up.
private final class TimedPorts: KeyVault, Transport {
    let spent = Locked(Duration.zero)
    private let vault = SoftwareKeyVault()
    private let transport = URLSessionTransport()

    private func timed<Value: Sendable>(_ work: () async throws -> Value) async throws -> Value {
        let started = ContinuousClock.now
        defer { spent.change { $0 += started.duration(to: .now) } }
        return try await work()
    }

    func generate(alias: String, purpose: KeyPurpose, protection: KeyProtection) async throws -> Data {
        try await vault.generate(alias: alias, purpose: purpose, protection: protection)
    }

    func sign(alias: String, message: Data, reason: SigningReason) async throws -> Data {
        try await timed { try await vault.sign(alias: alias, message: message, reason: reason) }
    }

    func agree(alias: String, peer: Data) async throws -> Data { try await vault.agree(alias: alias, peer: peer) }

    func delete(alias: String) async throws { await vault.delete(alias: alias) }

    func send(request: HttpRequest) async throws -> HttpResponse {
        try await timed { try await transport.send(request: request) }
    }
}
