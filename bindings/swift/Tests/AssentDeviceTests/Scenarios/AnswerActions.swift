import AssentDevice
import TestSupport

/// What phones are asked, and answer.
func answerActions() -> [String: Action] {
    [
        "pending": Action("phone", "account", "requests") { step, cast in
            let handset = try cast.handset(step)
            let names = try await pending(handset, handset.account(step), cast)
            guard try names == step.texts("requests") else { throw Failed("pending is \(names)") }
        },
        "fetch": Action("phone", "account", "request") { step, cast in
            let (handset, question) = (try cast.handset(step), try cast.question(step))
            let account = try handset.account(step)
            if handset.prompt(question) == nil { _ = try await pending(handset, account, cast) }
            let id = try handset.prompt(question).required("a request that the phone has heard of")
            let fetched = try await handset.core.fetchPrompt(account: account.id, id: id)
            _ = try handset.take([fetched], of: account, asked: cast.asked)
        },
        "show": Action("phone", "request", "display") { step, cast in
            let display = try cast.handset(step).request(step).display()
            try expect(step.members["display"] ?? [:], in: members(display))
        },
        "type_match_code": Action("phone", "request", "wrong") { step, cast in
            let code = try cast.question(step).matchCode.required("a match code")
            let typed = try step.isSet("wrong") ? otherThan(code) : code
            try cast.handset(step).request(step).enterMatchCode(code: typed)
        },
        "approve": Action("phone", "request", "outcome") { step, cast in
            let handset = try cast.handset(step)
            try expectOutcome(step, await handset.core.approve(request: handset.request(step)), otherwise: .approved)
        },
        "deny": Action("phone", "request", "reason", "outcome") { step, cast in
            let handset = try cast.handset(step)
            let reason = try named(step.text("reason"), of: [DenyReason.notMe, .wrongDetails, .cancelled])
            try expectOutcome(step, await handset.core.deny(request: handset.request(step), reason: reason), otherwise: .denied)
        },
        "at_once": Action("phone", "request", "decisions", play: atOnce),
    ]
}

private func pending(_ handset: Handset, _ account: Membership, _ cast: Cast) async throws -> [String] {
    let found = try await handset.core.pending(account: account.id, waitSeconds: 0)
    return try handset.take(found, of: account, asked: cast.asked)
}

/// Answers one request in several ways at once: one answer comes to stand, and it is the one that succeeded.
private func atOnce(_ step: Step, _ cast: Cast) async throws {
    let (handset, question) = (try cast.handset(step), try cast.question(step))
    let (core, request, decisions) = (handset.core, try handset.request(step), try step.texts("decisions"))
    guard Set(decisions).isSubset(of: ["approve", "deny"]) else { throw Failed("there are no such decisions") }
    let stands = try await withThrowingTaskGroup(of: String?.self) { group in
        for decision in decisions {
            group.addTask {
                let code = try await refusal {
                    if decision == "approve" {
                        _ = try await core.approve(request: request)
                    } else {
                        _ = try await core.deny(request: request, reason: .notMe)
                    }
                }
                return code == nil ? decision : nil
            }
        }
        return try await group.reduce(into: [String]()) { if let decision = $1 { $0.append(decision) } }
    }
    guard stands.count == 1 else { throw Failed("these succeeded: \(stands)") }
    try await Task.sleep(for: .milliseconds(1_100))  // a relying party polls once a second
    let polled = try await question.client.poll(question.id)
    guard polled == (stands == ["approve"] ? "tokens" : "access_denied") else { throw Failed("\(stands), and \(polled)") }
    let newest = try await core.history(account: request.account(), before: nil).entries.first?.outcome
    guard newest == (stands == ["approve"] ? .approved : .denied) else { throw Failed("\(stands), and the history differs") }
}

private func expectOutcome(_ step: Step, _ found: Outcome, otherwise: Outcome) throws {
    let expected = try step.textIfAny("outcome") ?? word(otherwise)
    guard word(found) == expected else { throw Failed("the outcome is \(word(found))") }
}

private func members(_ display: Display) -> [String: JSON] {
    [
        "kind": .text(word(display.kind)), "title": .text(display.title), "message": JSON(display.message),
        "lines": .list(display.lines.map { .list([.text($0.label), .text($0.value)]) }),
        "warnings": .list(display.warnings.map { .text(word($0)) }),
        "match_code_digits": display.matchCode.map { .number(Double($0.digits)) } ?? .null,
        "verifies_user": .bool(display.verifiesUser),
    ]
}
