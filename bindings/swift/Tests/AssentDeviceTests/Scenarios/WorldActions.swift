import AssentDevice
import TestSupport

/// What happens to phones, and that time passes.
func worldActions() -> [String: Action] {
    [
        "set": Action("phone", "network", "user", "keys", "clock") { step, cast in
            let ports = try cast.handset(step).phone.ports
            if let network = try step.textIfAny("network") { try set(network: network, ports) }
            if let user = try step.textIfAny("user") { try set(user: user, ports) }
            if let keys = try step.textIfAny("keys") { try await set(keys: keys, ports) }
            if step.has("clock") {
                let ahead = Int64(try step.number("clock"))
                ports.world.change { $0.ahead = ahead }
            }
        },
        "restart": Action("phone") { step, cast in try cast.handset(step).restart() },
        "die": Action("phone", "request", "after", play: die),
        "wait": Action("seconds") { step, _ in try await Task.sleep(for: .seconds(step.number("seconds"))) },
    ]
}

private func set(network: String, _ ports: BentPorts) throws {
    let send: @Sendable (HttpRequest, any Transport) async throws -> HttpResponse
    switch network {
    case "up": send = World().send
    case "down": send = { _, _ in throw TransportError.Unreachable(detail: "the network is down") }
    case "loses_replies":
        send = { request, transport in
            _ = try await transport.send(request: request)
            throw TransportError.TimedOut
        }
    default: throw Failed("no network is \(network)")
    }
    ports.world.change { $0.send = send }
}

private func set(user: String, _ ports: BentPorts) throws {
    let consents = try ["consents": true, "dismisses": false][user].required("something that users do")
    ports.world.change { $0.consents = { _ in consents } }
}

private func set(keys: String, _ ports: BentPorts) async throws {
    let error: VaultError? = keys == "unavailable" ? .Unavailable(detail: "none can be used now") : nil
    ports.world.change { for call in [PortCall.generate, .sign, .agree] { $0.fails[call] = error } }
    switch keys {
    case "work", "unavailable": break
    case "invalidated": await ports.invalidate(onlyVerified: true)
    case "lost": await ports.invalidate(onlyVerified: false)
    default: throw Failed("no keys are \(keys)")
    }
}

/// Approves, and the process ends between signing and sending.
private func die(_ step: Step, _ cast: Cast) async throws {
    guard try step.text("after") == "signed" else { throw Failed("phones die after `signed` alone") }
    let handset = try cast.handset(step)
    let (core, request, ports) = (handset.core, try handset.request(step), handset.phone.ports)
    let (before, world, dead) = (ports.approvals, ports.world.now, Locked(false))
    ports.world.change {
        $0.send = { request, transport in
            // What was signed before this step is not signed again.
            let isSigned = ports.approvals > before || request.url.hasSuffix("/decision")
            guard isSigned else { return try await world.send(request, transport) }
            dead.change { $0 = true }
            while true { try await Task.sleep(for: .seconds(600)) }
        }
    }
    let approving = Task { try await core.approve(request: request) }
    let ended = Locked(false)
    let watching = Task {
        defer { ended.change { $0 = true } }
        return try await approving.value
    }
    try await eventually("the phone dies or answers") { dead.now || ended.now }
    if ended.now { throw Failed("the approval came to \(try await watching.value)") }
    approving.cancel()
    _ = try? await watching.value
    ports.world.change { $0.send = world.send }
    handset.restart()
}
