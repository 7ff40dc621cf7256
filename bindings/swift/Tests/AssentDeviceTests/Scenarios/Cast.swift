import AssentDevice
import TestSupport

/// What a relying party has asked, and the digits that its screen shows.
struct Question {
    let name: String
    let client: RelyingParty
    let subject: String
    let message: String?
    let id: String
    let matchCode: String?
}

/// An account on a phone.
struct Membership {
    let name: String
    let id: String
    let subject: String
    let digits: String?
}

/// One phone of a scenario.
final class Handset {
    let phone: Phone
    /// In the order they were enrolled.
    var accounts: [Membership] = []
    /// The requests in hand, by the names that steps call them.
    private(set) var inHand: [String: ApprovalRequest] = [:]
    /// Names by the ids that the phone knows.
    private var names: [String: String] = [:]

    init(issuer: String) { phone = Phone(issuer: issuer) }

    var core: DeviceCore { phone.core }

    func account(_ step: Step) throws -> Membership {
        guard let name = try step.textIfAny("account") else {
            guard accounts.count == 1 else { throw Failed("the phone has \(accounts.count) accounts: which?") }
            return accounts[0]
        }
        return try accounts.first { $0.name == name }.required("account \(name)")
    }

    func request(_ step: Step) throws -> ApprovalRequest {
        try inHand[step.text("request")].required("a request that the phone has fetched")
    }

    /// The id by which this phone knows a request, if it does.
    func prompt(_ question: Question) -> String? { names.first { $0.value == question.name }?.key }

    /// Takes requests into its hand and returns their names. A phone never learns what a relying party calls a request: one
    /// that it sees for the first time is the oldest that fits. A question of the provider's own is called by its kind.
    func take(_ found: [ApprovalRequest], of account: Membership, asked: [Question]) throws -> [String] {
        try found.map { request in
            let fitting = asked.first { question in
                question.subject == account.subject && question.client.id == request.clientId()
                    && question.message == request.bindingMessage() && !names.values.contains(question.name)
            }
            // Without a line: the screen is not taken by this.
            let kind = request.displayPart(first: 0, count: 0).kind
            let ofProvider = kind == .authentication ? nil : word(kind)
            let name = try (names[request.id()] ?? fitting?.name ?? ofProvider).required("who asked for \(request.id())")
            (names[request.id()], inHand[name]) = (name, request)
            return name
        }
    }

    /// The process ends and starts again on what was stored.
    func restart() {
        inHand = [:]
        phone.restart()
    }
}

/// Whom a scenario's names stand for.
final class Cast {
    let provider: Provider
    var clients: [String: RelyingParty] = [:]
    var users: [String: String] = [:]
    /// In the order they were asked.
    var asked: [Question] = []
    private var handsets: [String: Handset] = [:]

    init(provider: Provider) { self.provider = provider }

    /// The end of the scenario: another may call its clients the same.
    func leave() async throws {
        for client in clients.values { try await provider.remove(client) }
    }

    func client(_ step: Step) throws -> RelyingParty { try clients[step.text("client")].required("a client that was made") }

    func user(_ step: Step) throws -> String { try users[step.text("user")].required("a user who was made") }

    func question(_ step: Step) throws -> Question {
        let name = try step.text("request")
        return try asked.first { $0.name == name }.required("request \(name)")
    }

    /// Made at its first step.
    func handset(_ step: Step) throws -> Handset {
        let name = try step.text("phone")
        let handset = handsets[name] ?? Handset(issuer: provider.issuer)
        handsets[name] = handset
        return handset
    }

    /// The name of a client by its id.
    func name(ofClient id: String) throws -> String { try clients.first { $0.value.id == id }.required("client \(id)").key }
}
