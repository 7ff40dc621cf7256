import AssentDevice
import SampleLogic
import Testing

@MainActor @Suite struct EnrolmentTests {
    private let provider = Provider.shared
    private let phone = Phone()
    private var app: AppModel { phone.start() }

    private func digits(of model: EnrolmentModel) async throws -> (String, account: String) {
        try await onScreen("digits") { if case .digits = model.stage { true } else { false } }
        guard case .digits(let digits, let account) = model.stage else { throw Failed("no digits any more") }
        return (digits, account)
    }

    @Test func aTicketBecomesAnAccountOnceItsDigitsAreTyped() async throws {
        let (app, ticket) = (app, try await provider.ticket(provider.newUser()))
        let model = EnrolmentModel(app)
        async let joined: Void = model.join(" \(ticket)\n", every: .milliseconds(50))
        let shown = try await digits(of: model)
        try await provider.typeDigits(shown.account, shown.0)
        await joined
        guard case .done = model.stage else { Issue.record("\(model.stage)"); return }
        await app.opened()
        #expect(app.accounts.map(\.state) == [.active])
    }

    @Test func wrongDigitsEndTheEnrolment() async throws {
        let model = EnrolmentModel(app)
        let ticket = try await provider.ticket(provider.newUser())
        async let joined: Void = model.join(ticket, every: .milliseconds(50))
        let shown = try await digits(of: model)
        try await provider.typeDigits(shown.account, shown.0 == "000000" ? "000001" : "000000", expect: 403...403)
        await joined
        #expect(model.stage == .cancelled)
    }

    @Test func anAppThatWasClosedMeanwhileWaitsOn() async throws {
        let ticket = try await provider.ticket(provider.newUser())
        let before = EnrolmentModel(app)
        let joining = Task { await before.join(ticket) }
        let shown = try await digits(of: before)
        joining.cancel()
        await joining.value
        phone.restart()
        let app = app
        await app.opened()
        #expect(app.accounts.map(\.state) == [.unconfirmed])
        try await provider.typeDigits(shown.account, shown.0)
        let after = EnrolmentModel(app)
        await after.resume(shown.account)
        guard case .done = after.stage else { Issue.record("\(after.stage)"); return }
    }

    @Test func whatIsNoTicketIsSaidToBeNone() async throws {
        let model = EnrolmentModel(app)
        await model.join("https://example.org/")
        guard case .failed(let trouble) = model.stage else { Issue.record("\(model.stage)"); return }
        #expect(trouble.code == "not_a_ticket" && trouble.remedy == .leave)
    }

    @Test func aScannerGoesOnUntilItSeesALinkOfTheAppsOwnIssuer() async throws {
        let model = EnrolmentModel(app)
        #expect(try await model.mayBeTicket(" \(provider.ticket(provider.newUser()))\n"))
        for other in ["https://example.org/", "12345678", "", "mailto:\(provider.issuer)/", provider.issuer + ".example.org/"] {
            #expect(!model.mayBeTicket(other), "\(other)")
        }
    }

    @Test func aTicketThatWasUsedIsRefused() async throws {
        let ticket = try await provider.ticket(provider.newUser())
        _ = try await phone.core.enrol(ticket: ticket, info: deviceInfo, push: .none)
        let model = EnrolmentModel(app)
        await model.join(ticket)
        guard case .failed = model.stage else { Issue.record("\(model.stage)"); return }
    }
}
