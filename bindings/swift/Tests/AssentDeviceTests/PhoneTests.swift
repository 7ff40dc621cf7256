import AssentDevice
import AssentDeviceSoftware
import Foundation
import TestSupport
import Testing

/// The library as an app uses it, against a running provider.
@Suite struct PhoneTests {
    private let provider = Provider.shared

    @Test func theDigitsTypedOnThePageActivateThePhone() async throws {
        let (subject, phone) = (try await provider.newUser(), Phone())
        let enrolment = try await phone.core.enrol(ticket: provider.ticket(subject), info: deviceInfo, push: .none)
        let digits = try #require(enrolment.digits())
        #expect(digits.wholeMatch(of: /[0-9]{6}/) != nil)
        async let ended = phone.core.awaitEnrolment(account: enrolment.account(), every: .milliseconds(50))
        try await provider.typeDigits(enrolment.account(), digits)
        #expect(try await ended == .active)
        #expect(try await provider.activeDevices(subject) == [deviceInfo.name])
    }

    @Test func wrongDigitsCancelTheEnrolment() async throws {
        let phone = Phone()
        let ticket = try await provider.ticket(provider.newUser())
        let enrolment = try await phone.core.enrol(ticket: ticket, info: deviceInfo, push: .none)
        let wrong = enrolment.digits() == "000000" ? "000001" : "000000"
        try await provider.typeDigits(enrolment.account(), wrong, expect: 403...403)
        #expect(try await phone.core.awaitEnrolment(account: enrolment.account()) == .cancelled)
    }

    @Test func aTicketOfAnIssuerThatIsNotListedIsRefusedBeforeAnyCall() async throws {
        let phone = Phone(issuer: "https://op.example")
        let ticket = try await provider.ticket(provider.newUser())
        let refused = try await failure { try await phone.core.enrol(ticket: ticket, info: deviceInfo, push: .none) }
        #expect(refused.code == "wrong_issuer")
        #expect(refused.advice == .never)
        #expect(refused.retryAfter == nil)
        #expect(await phone.ports.vault.aliases.isEmpty)
    }

    @Test func anApprovalGivesTheClientItsTokens() async throws {
        let joined = try await Joined()
        let asked = try await joined.bank.asked(joined.subject, "Pay 20 EUR to Bob")
        let request = try await joined.phone.onlyRequest(joined.account)
        #expect(request.display().lines.map(\.value) == ["Example Bank", "Pay 20 EUR to Bob"])
        #expect(try await joined.phone.core.approve(request: request) == .approved)
        #expect(joined.phone.ports.approvals == 1)
        #expect(request.receipt()?.approved == true)
        #expect(try await joined.bank.poll(asked) == "tokens")
    }

    @Test func aDenialAsksNothingOfTheUserAndGivesTheClientAccessDenied() async throws {
        let joined = try await Joined()
        let before = joined.phone.ports.approvals
        joined.phone.ports.world.change { $0.consents = { _ in throw Failed("the user was asked") } }
        let asked = try await joined.bank.asked(joined.subject)
        let request = try await joined.phone.onlyRequest(joined.account)
        #expect(try await joined.phone.core.deny(request: request, reason: .notMe) == .denied)
        #expect(joined.phone.ports.approvals == before)
        #expect(try await joined.bank.poll(asked) == "access_denied")
    }

    @Test func approvingWhatWasNotDisplayedIsRefused() async throws {
        let joined = try await Joined()
        let asked = try await joined.bank.asked(joined.subject)
        let request = try await joined.phone.onlyRequest(joined.account)
        await #expect(throws: DeviceError.DisplayNotTaken) { try await joined.phone.core.approve(request: request) }
        #expect(try await joined.bank.poll(asked) == "authorization_pending")
    }

    @Test func aUserWhoDismissesTheDialogueMayApproveLater() async throws {
        let joined = try await Joined()
        let asked = try await joined.bank.asked(joined.subject)
        let request = try await joined.phone.shownRequest(joined.account)
        joined.phone.ports.world.change { $0.consents = { _ in false } }
        await #expect(throws: DeviceError.UserCancelled) { try await joined.phone.core.approve(request: request) }
        #expect(try await joined.bank.poll(asked) == "authorization_pending")
        joined.phone.ports.work()
        #expect(try await joined.phone.core.approve(request: request) == .approved)
    }

    @Test func theSequenceTellsWhatWaitsWheneverThatChanges() async throws {
        let joined = try await Joined()
        var told = joined.phone.core.requests(account: joined.account).makeAsyncIterator()
        #expect(try await told.next()?.count == 0)
        let asked = try await joined.bank.asked(joined.subject)
        let waiting = try #require(try await told.next())
        #expect(waiting.count == 1)
        _ = waiting[0].display()
        #expect(try await joined.phone.core.approve(request: waiting[0]) == .approved)
        #expect(try await told.next()?.count == 0)
        #expect(try await joined.bank.poll(asked) == "tokens")
    }

    @Test func theSequenceWaitsOutANetworkThatIsAway() async throws {
        let joined = try await Joined()
        let (ports, waited) = (joined.phone.ports, Locked<[String]>([]))
        ports.world.change { $0.fails[.send] = TransportError.Unreachable(detail: "no network") }
        let sequence = joined.phone.core.requests(account: joined.account) { failure, pause in
            waited.change { $0.append("\(failure.code) \(pause >= .seconds(1))") }
            ports.work()
        }
        var told = sequence.makeAsyncIterator()
        #expect(try await told.next()?.count == 0)
        #expect(waited.now == ["unreachable true"])
    }

    @Test func theSequenceEndsWithWhatDoesNotPass() async throws {
        var told = Phone().core.requests(account: "AAAAAAAAAAAAAAAAAAAAAA").makeAsyncIterator()
        await #expect(throws: DeviceError.UnknownAccount) { try await told.next() }
        #expect(try await told.next() == nil)
    }

    @Test func aForgottenAccountIsGoneOnBothSides() async throws {
        let joined = try await Joined()
        try await joined.phone.core.forget(account: joined.account)
        #expect(try await joined.phone.core.accounts() == [])
        #expect(await joined.phone.ports.vault.aliases.isEmpty)
        #expect(try await provider.activeDevices(joined.subject) == [])
    }

    @Test func everyErrorHasItsCodeAndItsAdvice() {
        #expect(DeviceError.UnknownAccount.code == "unknown_account")
        #expect(DeviceError.ServerBusy(refusal: "too_many", afterSeconds: 7).retryAfter == .seconds(7))
        #expect(DeviceError.ProofNotTaken.advice == .withFreshNonce)
        #expect(DeviceError.ProofNotTaken.retryAfter == .zero)
        #expect(DeviceError.UserCancelled.advice == .userAction)
        #expect(DeviceError.UserCancelled.retryAfter == nil)
    }
}
