import AssentDevice
import AssentDeviceSoftware
import Foundation
import TestSupport

/// How long one approval takes a phone in this process, from `approve` to the server's signed word: keys in software, state in
/// memory, the provider on loopback.
@main struct Measure {
    static func main() async throws {
        let times = try await approvals(warmUp: 20, counted: 200).sorted()
        let text = [("p50", 0.5), ("p95", 0.95), ("p99", 0.99)].map { name, share in
            "\(name) \(String(format: "%.2f", times[Int(Double(times.count - 1) * share)])) ms"
        }
        print("approve in Swift, \(times.count) times: \(text.joined(separator: ", "))")
    }

    /// In milliseconds.
    private static func approvals(warmUp: Int, counted: Int) async throws -> [Double] {
        let provider = Provider.shared
        let ports = Ports(vault: SoftwareKeyVault(), store: MemoryStore(), transport: URLSessionTransport(), clock: SystemClock())
        let core = DeviceCore(settings: Settings(issuers: [provider.issuer], development: true), ports: ports)
        let info = DeviceInfo(name: "Phone", model: "Swift", os: "any", appId: "org.example.app", appVersion: "1.0")
        let subject = try await provider.newUser()
        let enrolment = try await core.enrol(ticket: provider.ticket(subject), info: info, push: .none)
        try await provider.typeDigits(enrolment.account(), enrolment.digits().required())
        guard try await enrolment.refresh() == .active else { throw Failed("the phone did not become active") }
        let bank = try await provider.newClient(["client_name": "Example Bank"])
        var times: [Double] = []
        for round in 0..<(warmUp + counted) {
            let asked = try await bank.asked(subject)
            let request = try await core.pending(account: enrolment.account(), waitSeconds: 5).first.required("request")
            _ = request.display()
            let started = ContinuousClock.now
            guard try await core.approve(request: request) == .approved else { throw Failed("not approved") }
            if round >= warmUp { times.append(started.duration(to: .now) / .milliseconds(1)) }
            guard try await bank.poll(asked) == "tokens" else { throw Failed("no tokens") }
        }
        return times
    }
}
