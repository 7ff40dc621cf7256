import Foundation
import TestSupport

/// What operators, users at their screens and relying parties do.
func relyingPartyActions() -> [String: Action] {
    [
        "client": Action("client", "metadata") { step, cast in
            let name = try step.text("client")
            let metadata = step.members["metadata"]?.object ?? [:]
            cast.clients[name] = try await cast.provider.newClient(["client_name": .text(name)].merging(metadata) { $1 })
        },
        "user": Action("user") { step, cast in cast.users[try step.text("user")] = try await cast.provider.newUser() },
        "revoke": Action("phone", "account") { step, cast in
            let account = try cast.handset(step).account(step)
            try await cast.provider.revoke(account.subject, enrolment: account.id)
        },
        "ask": Action("client", "user", "request", "parameters") { step, cast in
            let (client, subject) = (try cast.client(step), try cast.user(step))
            let parameters = try (step.members["parameters"]?.object ?? [:]).mapValues(formValue)
            let answer = try await client.ask(subject, parameters)
            cast.asked.append(
                Question(
                    name: try step.text("request"), client: client, subject: subject, message: parameters["binding_message"],
                    id: try answer["auth_req_id"].required().text.required(), matchCode: answer["match_code"]?.text))
        },
        "cancel": Action("client", "request") { step, cast in try await cast.client(step).cancel(cast.question(step).id) },
        "poll": Action("client", "request") { step, cast in try await cast.client(step).redeem(cast.question(step).id) },
    ]
}

/// Text as it is; any other value as JSON.
private func formValue(_ value: JSON) throws -> String {
    try value.text ?? String(decoding: JSONEncoder().encode(value), as: UTF8.self)
}
