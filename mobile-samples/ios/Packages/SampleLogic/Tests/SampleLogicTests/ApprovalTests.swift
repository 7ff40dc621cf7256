import AssentDevice
import Foundation
import SampleLogic
import Testing

@MainActor @Suite struct ApprovalTests {
    @Test func anApprovalGivesTheClientItsTokens() async throws {
        let sample = try await Sample()
        let (request, _, model) = try await sample.asked(["binding_message": "Pay 20 EUR to Bob"])
        #expect(model.display.lines.map(\.value) == ["Sample Bank", "Pay 20 EUR to Bob"])
        await model.approve()
        #expect(model.stage == .answered(.approved, approving: true))
        #expect(model.conclusion == "Approved" && !model.offersBlock)
        #expect(sample.app.requests.isEmpty)
        #expect(try await sample.bank.poll(request) == "tokens")
    }

    @Test func theDialogueNamesTheClient() async throws {
        let sample = try await Sample()
        let (_, _, model) = try await sample.asked()
        await model.approve()
        #expect(sample.phone.dialogues.contains("Approve what Sample Bank asks"))
    }

    @Test func aDenialGivesTheClientAccessDeniedAndAsksNothing() async throws {
        let sample = try await Sample()
        let (request, _, model) = try await sample.asked()
        let before = sample.phone.dialogues
        await model.deny(.wrongDetails)
        #expect(model.stage == .answered(.denied, approving: false) && !model.offersBlock)
        #expect(sample.phone.dialogues == before)
        #expect(try await sample.bank.poll(request) == "access_denied")
    }

    @Test func whoeverWasNotAskedByTheUserCanBeBlockedAndLetInAgain() async throws {
        let sample = try await Sample()
        let (_, _, model) = try await sample.asked()
        await model.block(.day)
        #expect(model.blocked == nil, "only after a denial")
        await model.deny(.notMe)
        #expect(model.offersBlock)
        await model.block(.day)
        #expect(model.blocked == .day && !model.offersBlock)

        let blocked = BlockedModel(sample.app, account: sample.account)
        await blocked.load()
        #expect(blocked.clients.map(\.name) == ["Sample Bank"])
        await #expect(throws: OAuthError.self) { try await sample.bank.ask(sample.subject) }
        await blocked.unblock(blocked.clients[0])
        #expect(blocked.clients.isEmpty && blocked.trouble == nil)
        #expect(sample.phone.dialogues.contains("Let this client ask again"))
        _ = try await sample.asked()
    }

    @Test func aUserWhoDismissesTheDialogueCanTryAgain() async throws {
        let sample = try await Sample()
        let (request, _, model) = try await sample.asked()
        sample.phone.world.change { $0.consents = false }
        await model.approve()
        #expect(model.stage == .asking && model.trouble?.code == "user_cancelled")
        #expect(try await sample.bank.poll(request) == "authorization_pending")
        sample.phone.world.change { $0.consents = true }
        await model.approve()
        #expect(model.stage == .answered(.approved, approving: true) && model.trouble == nil)
    }

    @Test func withoutANetworkTheAnswerIsKeptAndSentWithoutAskingAgain() async throws {
        let sample = try await Sample()
        let (request, _, model) = try await sample.asked()
        sample.network(false)
        await model.approve()
        #expect(model.stage == .asking && model.trouble?.text == "No connection. What you answered is kept and sent later.")
        let asked = sample.phone.dialogues
        #expect(asked.last == "Approve what Sample Bank asks")
        sample.network(true)
        await model.approve()
        #expect(model.stage == .answered(.approved, approving: true))
        #expect(sample.phone.dialogues == asked)
        #expect(try await sample.bank.poll(request) == "tokens")
    }

    @Test func whatExpiredLeavesTheScreen() async throws {
        let sample = try await Sample()
        let (request, answer, model) = try await sample.asked(["requested_expiry": "1"])
        let life = try answer["expires_in"].required().number.required()
        try await onScreen("expired") {
            model.look()
            return model.display.warnings.contains(.expired)
        }
        #expect(!model.canApprove)
        await model.deny(.cancelled)
        guard case .over(let trouble) = model.stage else { Issue.record("\(model.stage)"); return }
        #expect(trouble.code == "expired" && sample.app.requests.isEmpty)
        // The client's own time ends later than the phone's, and not before this.
        try await Task.sleep(for: .seconds(life))
        #expect(try await sample.bank.poll(request) == "expired_token")
    }

    @Test func whatTheClientTookBackLeavesTheScreen() async throws {
        let sample = try await Sample()
        let (request, _, model) = try await sample.asked()
        try await sample.bank.cancel(request)
        await model.approve()
        guard case .over(let trouble) = model.stage else { Issue.record("\(model.stage)"); return }
        #expect(trouble.code == "withdrawn" && sample.app.requests.isEmpty)
    }

    @Test func theRightDigitsOfTheOtherScreenApprove() async throws {
        let (sample, request, code, model) = try await matching()
        #expect(!model.canApprove)
        model.digits = code + "0"
        #expect(!model.canApprove)
        model.digits = code
        await model.approve()
        #expect(model.stage == .answered(.approved, approving: true))
        #expect(try await sample.bank.poll(request) == "tokens")
    }

    @Test func wrongDigitsDeny() async throws {
        let (sample, request, code, model) = try await matching()
        model.digits = String(code.dropLast()) + (code.last == "0" ? "1" : "0")
        await model.approve()
        #expect(model.stage == .answered(.denied, approving: true))
        #expect(model.conclusion == "Denied: the digits were not those of the other screen.")
        #expect(try await sample.bank.poll(request) == "access_denied")
    }

    @Test func severalRequestsOfOneClientWarnOfEachOther() async throws {
        let sample = try await Sample()
        _ = try await sample.asked(["binding_message": "Pay 20 EUR"])
        let (_, _, second) = try await sample.asked(["binding_message": "Pay 2,000 EUR"])
        #expect(sample.app.requests.count == 2)
        #expect(second.display.warnings.contains(.conflict(others: 1)))
    }

    private func matching() async throws -> (Sample, String, String, ApprovalModel) {
        let name = "Match \(UUID().uuidString.prefix(8))"
        let sample = try await Sample(client: ["client_name": .text(name), "match_code": .bool(true)])
        let (request, answer, model) = try await sample.asked()
        let code = try answer["match_code"].required().text.required()
        #expect(model.display.matchCode?.digits == UInt32(code.count))
        return (sample, request, code, model)
    }
}
