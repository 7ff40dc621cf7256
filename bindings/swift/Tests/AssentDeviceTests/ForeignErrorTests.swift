import AssentDevice
import AssentDeviceSoftware
import Foundation
import TestSupport
import Testing

/// Whatever goes wrong in a port arrives as a typed error, and the app lives on.
@Suite struct ForeignErrorTests {
    /// What implementations throw that no interface names.
    private static let unforeseen: [any Error] = [
        Failed("no such cable"), Failed(""), Failed("a NUL \0, and \u{1F4F1}"), Failed(String(repeating: "long ", count: 50_000)),
        NSError(domain: "org.example", code: -1), CancellationError(), DeviceError.UnknownAccount,
    ]

    private static let codes: [PortCall: String] = [
        .generate: "key_unavailable", .sign: "key_unavailable", .agree: "key_unavailable", .deleteKey: "key_unavailable",
        .load: "storage", .save: "storage", .deleteDocument: "storage", .send: "unreachable", .unixMillis: "clock",
        .monotonicMillis: "clock",
    ]

    @Test(arguments: PortCall.allCases)
    func whatNoInterfaceNamesArrivesTypedAndTheNextCallWorks(call: PortCall) async throws {
        let joined = try await Joined()
        let ports = joined.phone.ports
        for error in Self.unforeseen {
            ports.world.change { $0.fails = [call: error] }
            #expect(try await failure { try await use(call, joined) }.code == Self.codes[call], "\(error)")
            ports.work()
        }
        try await use(call, joined)
    }

    /// A call of the core that needs this one of a port.
    private func use(_ call: PortCall, _ joined: Joined) async throws {
        let phone = joined.phone
        switch call {
        case .generate:
            let ticket = try await Provider.shared.ticket(joined.subject)
            _ = try await phone.core.enrol(ticket: ticket, info: deviceInfo, push: .none)
        case .agree:
            let asked = try await failure { try await phone.core.openPush(data: strangersPush) }
            if asked != .NotOurPush { throw asked }
        case .deleteKey:
            try await phone.core.wipe(account: joined.account)
        case .load:
            phone.restart()
            _ = try await phone.core.accounts()
        case .deleteDocument:
            try await phone.ports.damage()
            phone.restart()
            try await phone.core.discardDamagedState()
        case .save, .sign, .send, .unixMillis, .monotonicMillis:
            _ = try await joined.bank.asked(joined.subject)
            let waiting = try await undisturbed(phone) { try await phone.core.pending(account: joined.account, waitSeconds: 0) }
            let request = try #require(waiting.first)
            _ = request.display()
            _ = try await phone.core.approve(request: request)
        }
    }

    private func undisturbed<Value>(_ phone: Phone, _ work: () async throws -> Value) async throws -> Value {
        let world = phone.ports.world.now
        phone.ports.work()
        defer { phone.ports.world.change { $0 = world } }
        return try await work()
    }

    private static let named: [(PortCall, any Error, String)] = [
        (.sign, VaultError.KeyMissing, "keys_lost"), (.sign, VaultError.KeyInvalidated, "key_invalidated"),
        (.sign, VaultError.UserCancelled, "user_cancelled"), (.sign, VaultError.Unavailable(detail: "busy"), "key_unavailable"),
        (.save, StoreError.Failed(detail: "full"), "storage"), (.send, TransportError.TimedOut, "unreachable"),
        (.send, TransportError.Unreachable(detail: "no network"), "unreachable"),
        (.send, TransportError.UntrustedCertificate(detail: "a hotel"), "untrusted_certificate"),
        (.unixMillis, ClockError.Unexpected(detail: "stopped"), "clock"),
    ]

    @Test(arguments: named.indices)
    func whatAnInterfaceNamesIsToldApart(index: Int) async throws {
        let (call, error, code) = Self.named[index]
        let joined = try await Joined()
        joined.phone.ports.world.change { $0.fails = [call: error] }
        #expect(try await failure { try await use(call, joined) }.code == code)
    }

    @Test func nonsenseInsteadOfAResponseArrivesTyped() async throws {
        let joined = try await Joined()
        let responses = [
            HttpResponse(status: 0, headers: [], body: Data()), HttpResponse(status: 65_535, headers: [], body: Data([0xff])),
            HttpResponse(status: 200, headers: [HttpHeader(name: "", value: "\0")], body: Data("<html>".utf8)),
            HttpResponse(status: 200, headers: [], body: Data(repeating: 0x5b, count: 300_000)),
        ]
        for response in responses {
            joined.phone.ports.world.change { $0.send = { _, _ in response } }
            let failed = try await failure { try await joined.phone.core.pending(account: joined.account, waitSeconds: 0) }
            #expect(failed.code == "not_understood", "\(response.status)")
        }
    }

    @Test func signaturesThatAreNoneAreNotSent() async throws {
        let joined = try await Joined()
        let asked = try await joined.bank.asked(joined.subject)
        let request = try await joined.phone.shownRequest(joined.account)
        for nonsense in [Data(), Data([1]), Data(repeating: 0, count: 64), Data(repeating: 0xff, count: 10_000)] {
            joined.phone.ports.world.change { $0.signature = { if case .approval = $1 { nonsense } else { $0 } } }
            #expect(try await failure { try await joined.phone.core.approve(request: request) }.code == "key_unavailable")
        }
        joined.phone.ports.work()
        #expect(try await joined.phone.core.sync(push: nil).map(\.concluded) == [0])
        #expect(try await joined.bank.poll(asked) == "authorization_pending")
    }

    @Test func aDamagedStateIsToldAndNotOverwritten() async throws {
        let joined = try await Joined()
        try await joined.phone.ports.damage()
        joined.phone.restart()
        #expect(try await failure { try await joined.phone.core.accounts() }.code == "damaged_state")
        #expect(try await failure { try await joined.phone.core.sync(push: nil) }.code == "damaged_state")
        try await joined.phone.core.discardDamagedState()
        #expect(try await joined.phone.core.accounts() == [])
    }

    @Test func observersAndAttestorsThatThrowChangeNothing() async throws {
        let (told, phone) = (Locked(0), Phone())
        var ports = phone.ports.all
        ports.observer = FailingPorts { told.change { $0 += 1 } }
        ports.attestor = FailingPorts { told.change { $0 += 1 } }
        let core = DeviceCore(settings: Settings(issuers: [Provider.shared.issuer], development: true), ports: ports)
        let ticket = try await Provider.shared.ticket(Provider.shared.newUser())
        #expect(try await core.enrol(ticket: ticket, info: deviceInfo, push: .none).state() == .unconfirmed)
        #expect(told.now > 0)
    }

    @Test(arguments: [true, false]) func aLockThatThrowsArrivesTyped(isHeld: Bool) async throws {
        let joined = try await Joined()
        var ports = joined.phone.ports.all
        ports.lock = FailingPorts { throw isHeld ? LockError.Held : Failed("no lock") as any Error }
        let core = DeviceCore(settings: Settings(issuers: [Provider.shared.issuer], development: true), ports: ports)
        #expect(try await failure { try await core.wipe(account: joined.account) }.code == (isHeld ? "busy" : "platform"))
    }
}

/// A push as it would be for another phone: sealed by the key of RFC 7518, appendix C, to nobody here.
private let strangersPush: [String: String] = {
    let header = """
        {"alg":"ECDH-ES","enc":"A256GCM","epk":{"kty":"EC","crv":"P-256","x":"gI0GAILBdu7T53akrFmMyGcsF3n5dO7MmwNBHKW5SV0",\
        "y":"SLW_xSffzlPWrHEVI30DHM_4egVwt3NQqeUD7nMFpps"}}
        """
    let parts = [Data(header.utf8), Data(), Data(count: 12), Data(count: 512), Data(count: 16)]
    return ["v": "1", "rid": "r", "jwe": parts.map(base64url).joined(separator: ".")]
}()

private func base64url(_ data: Data) -> String {
    data.base64EncodedString().replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
}

/// Throws whatever is asked of it.
private final class FailingPorts: Observer, Attestor, AssentDevice.Lock {
    private let fail: @Sendable () throws -> Void

    init(_ fail: @escaping @Sendable () throws -> Void) { self.fail = fail }

    func observe(event: DeviceEvent) throws {
        try fail()
        throw Failed("the log is full")
    }

    func prepare(alias: String, challenge: Data) async throws {
        try fail()
        throw Failed("no attestation")
    }

    func attest(request: AttestationRequest) async throws -> PlatformEvidence { throw Failed("no attestation") }

    func acquire() async throws {
        try fail()
    }

    func release() throws { throw Failed("it was not held") }
}
