import AssentDevice
import TestSupport

/// What a phone does with its accounts, beyond answering.
func phoneActions() -> [String: Action] {
    [
        "enrol": Action("phone", "user", "account", "state") { step, cast in
            let (handset, subject) = (try cast.handset(step), try cast.user(step))
            let ticket = try await cast.provider.ticket(subject)
            let enrolment = try await handset.core.enrol(ticket: ticket, info: deviceInfo, push: .none)
            handset.accounts.append(
                Membership(
                    name: try step.textIfAny("account") ?? "", id: enrolment.account(), subject: subject,
                    digits: enrolment.digits()))
            try expectState(step, enrolment.state())
        },
        "type_digits": Action("phone", "account", "wrong", "state") { step, cast in
            let handset = try cast.handset(step)
            let account = try handset.account(step)
            let digits = try account.digits.required("digits")
            let (typed, status) = try step.isSet("wrong") ? (otherThan(digits), 403...403) : (digits, 200...200)
            try await cast.provider.typeDigits(account.id, typed, expect: status)
            try expectState(step, await handset.core.enrolment(account: account.id).refresh())
        },
        "block": Action("phone", "account", "client", "period") { step, cast in
            let handset = try cast.handset(step)
            let periods: [BlockPeriod] = [.quarterHour, .day, .untilLifted]
            let period = try named(step.text("period"), of: periods)
            let account = try handset.account(step).id
            try await handset.core.blockClient(account: account, client: cast.client(step).id, lasts: period)
        },
        "unblock": Action("phone", "account", "client") { step, cast in
            let handset = try cast.handset(step)
            try await handset.core.unblockClient(account: handset.account(step).id, client: cast.client(step).id)
        },
        "blocked": Action("phone", "account", "clients") { step, cast in
            let handset = try cast.handset(step)
            let found = try await handset.core.blockedClients(account: handset.account(step).id)
            let names = try found.map { try cast.name(ofClient: $0.client) }
            guard try names.sorted() == step.texts("clients").sorted() else { throw Failed("blocked are \(names)") }
        },
        "history": Action("phone", "account", "entries") { step, cast in
            let handset = try cast.handset(step)
            let found = try await handset.core.history(account: handset.account(step).id, before: nil).entries
            try expect(step.list("entries"), in: found.map { try members($0, cast) })
        },
        "object": Action("phone", "account", "request", "outcome") { step, cast in
            let (handset, question) = (try cast.handset(step), try cast.question(step))
            let account = try handset.account(step).id
            let entry = try await handset.core.history(account: account, before: nil).entries.first {
                $0.client == question.client.id && $0.message == question.message
            }
            let prompt = try (entry?.prompt ?? handset.prompt(question)).required("an entry of the history")
            let outcome = try await handset.core.object(account: account, prompt: prompt)
            guard try word(outcome) == step.text("outcome") else { throw Failed("the outcome is \(outcome)") }
        },
        "rotate": Action("phone", "account", "which", "state") { step, cast in
            let (handset, which) = (try cast.handset(step), Set(try step.texts("which")))
            guard which.isSubset(of: ["device", "verified", "sealing"]) else { throw Failed("there are no such keys") }
            let keys = KeysToRotate(
                device: which.contains("device"), verified: which.contains("verified"), sealing: which.contains("sealing"))
            try expectState(step, await handset.core.rotateKeys(account: handset.account(step).id, which: keys))
        },
        "sync": Action("phone", "accounts") { step, cast in
            let handset = try cast.handset(step)
            let found = try await handset.core.sync(push: nil)
            let expected = try step.list("accounts").map { account in
                JSON.object(["failure": .null].merging(try account.object.required("an object")) { $1 })
            }
            try expect(expected, in: found.map { try members($0, handset, cast) })
        },
        "accounts": Action("phone", "accounts") { step, cast in
            let found = try await cast.handset(step).core.accounts()
            try expect(
                step.list("accounts"),
                in: found.map { ["state": .text(word($0.state)), "revoked": JSON($0.revoked.map(word))] })
        },
        "forget": Action("phone", "account") { step, cast in
            let handset = try cast.handset(step)
            let account = try handset.account(step)
            try await handset.core.forget(account: account.id)
            handset.accounts.removeAll { $0.id == account.id }
        },
        "wipe": Action("phone", "account") { step, cast in
            let handset = try cast.handset(step)
            let account = try handset.account(step)
            try await handset.core.wipe(account: account.id)
            handset.accounts.removeAll { $0.id == account.id }
        },
    ]
}

/// Digits of the same number that are others.
func otherThan(_ digits: String) -> String { digits.dropLast() + (digits.last == "0" ? "1" : "0") }

/// Fails unless the step expects this state, or none.
private func expectState(_ step: Step, _ found: Any) throws {
    if let expected = try step.textIfAny("state"), word(found) != expected { throw Failed("the state is \(word(found))") }
}

private func members(_ entry: HistoryEntry, _ cast: Cast) throws -> [String: JSON] {
    [
        "client": .text(try cast.name(ofClient: entry.client)), "message": JSON(entry.message),
        "outcome": .text(word(entry.outcome)), "reason": JSON(entry.reason.map(word)),
        "on_this_phone": .bool(entry.onThisPhone),
    ]
}

private func members(_ synced: Synced, _ handset: Handset, _ cast: Cast) throws -> [String: JSON] {
    let account = try handset.accounts.first { $0.id == synced.account }.required("account \(synced.account)")
    let requests = try handset.take(synced.requests, of: account, asked: cast.asked)
    return [
        "state": .text(word(synced.state)), "requests": .list(requests.map(JSON.text)),
        "concluded": .number(Double(synced.concluded)), "failure": JSON(synced.failure?.code),
    ]
}
