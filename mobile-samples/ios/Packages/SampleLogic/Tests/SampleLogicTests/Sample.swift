import AssentDevice
import Foundation
import SampleLogic

/// The app on a phone of its own, whose user has an account.
@MainActor
struct Sample {
    let bank: RelyingParty
    let subject: String
    let phone: Phone
    let app: AppModel
    let account: String

    /// - Parameter client: members of the client's metadata, where it must be one of its own.
    init(client: [String: JSON]? = nil) async throws {
        bank = if let client { try await Provider.shared.newClient(client) } else { try await sharedBank.value }
        subject = try await Provider.shared.newUser()
        phone = Phone()
        app = phone.start()
        account = try await phone.join(subject)
        await app.opened()
    }

    /// A request, as the app shows it.
    func asked(_ parameters: [String: String] = ["binding_message": "Pay 20 EUR"]) async throws -> (String, JSON, ApprovalModel) {
        let known = Set(app.requests.map { $0.id() })
        let answer = try await bank.ask(subject, parameters)
        await app.opened()
        let new = app.requests.filter { !known.contains($0.id()) }
        guard new.count == 1 else { throw Failed("\(new.count) new requests, \(String(describing: app.trouble))") }
        return (try answer["auth_req_id"].required().text.required(), answer, ApprovalModel(new[0], app))
    }

    func network(_ online: Bool) { phone.world.change { $0.online = online } }
}

/// Clients of like names would be refused, so most users are asked by one.
private let sharedBank = Task { try await Provider.shared.newClient(["client_name": "Sample Bank"]) }

/// Waits until the screen shows something; for as long as a busy machine may need.
@MainActor
func onScreen(_ what: String, _ condition: @MainActor () -> Bool) async throws {
    for _ in 0..<3_000 {
        if condition() { return }
        try await Task.sleep(for: .milliseconds(10))
    }
    throw Failed("never: \(what)")
}
