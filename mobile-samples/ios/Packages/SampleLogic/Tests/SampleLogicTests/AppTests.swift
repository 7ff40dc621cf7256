import AssentDevice
import Foundation
import SampleLogic
import Testing

@MainActor @Suite struct AppTests {
    private let provider = Provider.shared

    @Test func aPhoneWithoutPushesWatches() async throws {
        let sample = try await Sample()
        let watching = Task { await sample.app.watch(sample.app.watched) }
        let request = try await sample.bank.asked(sample.subject)
        try await onScreen("the request") { !sample.app.requests.isEmpty }
        let shown = sample.app.requests[0]
        await ApprovalModel(shown, sample.app).approve()
        #expect(sample.app.requests.isEmpty)
        #expect(try await sample.bank.poll(request) == "tokens")
        watching.cancel()
        await watching.value
    }

    @Test func whatIsOnTheScreenStaysTheSameObjectWhileTheAppWatches() async throws {
        let sample = try await Sample()
        let (_, _, model) = try await sample.asked()
        let watching = Task { await sample.app.watch(sample.app.watched) }
        _ = try await sample.bank.asked(sample.subject, "Another")
        try await onScreen("two") { sample.app.requests.count == 2 }
        #expect(sample.app.requests[0] === model.request)
        watching.cancel()
        await watching.value
    }

    @Test func aTappedNotificationShowsItsRequest() async throws {
        let sample = try await Sample()
        let (_, _, model) = try await sample.asked()
        let tapped = await sample.app.tapped(account: sample.account, prompt: model.request.id())
        #expect(tapped?.id() == model.request.id())
        #expect(await sample.app.tapped(account: sample.account, prompt: "AAAAAAAAAAAAAAAAAAAAAA") == nil)
        #expect(sample.app.trouble?.code == "unknown_prompt")
    }

    @Test func watchingThatEndedBeginsAnewWhenTheAppIsOpened() async throws {
        let sample = try await Sample()
        let before = sample.app.watched
        sample.phone.world.change { $0.captive = true }
        await sample.app.watch(before) // ends by itself
        #expect(sample.app.troubles[sample.account] != nil)
        #expect(sample.app.watched == before, "or it would begin at once, again and again")
        sample.phone.world.change { $0.captive = false }
        await sample.app.opened()
        #expect(sample.app.watched != before && sample.app.watched.accounts == [sample.account])
        #expect(sample.app.troubles.isEmpty)
    }

    @Test func aDenialOfANotificationIsStoredWithoutANetworkAndThenTheAppCatchesUp() async throws {
        let (sample, data) = (try await Sample(), ["v": "1", "rid": "r", "jwe": "sealed"])
        let opener = Opener()
        sample.network(false)
        await sample.app.denied(data, by: opener)
        #expect(opener.denied.now == [data] && sample.app.trouble == nil)
        #expect(sample.app.troubles[sample.account]?.text == "No connection.")
        sample.network(true)
        _ = try await sample.bank.asked(sample.subject)
        await sample.app.denied(data, by: opener)
        #expect(opener.denied.now == [data, data])
        #expect(sample.app.requests.count == 1 && sample.app.troubles.isEmpty)
    }

    @Test func aDenialThatCannotBeStoredIsTold() async throws {
        let sample = try await Sample()
        await sample.app.denied([:], by: Opener(fails: .Busy))
        #expect(sample.app.trouble?.code == "busy")
    }

    @Test func aWakeMakesTheAppAsk() async throws {
        let sample = try await Sample()
        _ = try await sample.bank.asked(sample.subject)
        await sample.app.pushed(["v": "1", "rid": "AAAAAAAAAAAAAAAAAAAAAA"])
        await sample.app.pushed(["v": "1", "rid": "AAAAAAAAAAAAAAAAAAAAAA"])
        #expect(sample.app.requests.count == 1)
        await sample.app.pushed(["v": "2"])
        #expect(sample.app.trouble?.code == "not_our_push")
    }

    @Test func anInvalidatedKeyIsRenewedWhereAnotherPhoneAgrees() async throws {
        let sample = try await Sample()
        let (request, _, model) = try await sample.asked()
        sample.phone.changeBiometrics()
        await model.approve()
        #expect(model.stage == .asking && model.trouble?.remedy == .renewKeys)
        #expect(try await sample.bank.poll(request) == "authorization_pending")
        #expect(await sample.app.renewKeys(sample.account) == .awaiting, "nobody has agreed")
        await model.deny(.cancelled)
        #expect(model.stage == .answered(.denied, approving: false), "a denial needs no such key")
    }

    @Test func keysThatWorkAreRenewedAtOnce() async throws {
        let sample = try await Sample()
        #expect(await sample.app.renewKeys(sample.account) == .done)
        let (request, _, model) = try await sample.asked()
        await model.approve()
        #expect(try await sample.bank.poll(request) == "tokens")
    }

    @Test func aRevokedPhoneIsToldWhyAndTakenOffTheList() async throws {
        let sample = try await Sample()
        try await provider.admin("POST", "/devices/\(deviceId(sample))/revoke")
        await sample.app.opened()
        #expect(sample.app.accounts.first?.revoked == .operator)
        #expect(sample.app.accounts.first?.revoked?.wording == "It was removed by an operator.")
        await sample.app.wipe(sample.account)
        #expect(sample.app.accounts.isEmpty)
    }

    @Test func anAccountIsLeftOnlyOnceItsServerKnows() async throws {
        let sample = try await Sample()
        sample.network(false)
        await sample.app.forget(sample.account)
        #expect(sample.app.trouble?.code == "unreachable" && sample.app.accounts.count == 1)
        sample.network(true)
        await sample.app.forget(sample.account)
        #expect(sample.app.trouble == nil && sample.app.accounts.isEmpty)
        #expect(try await provider.activeDevices(sample.subject).isEmpty)
    }

    @Test func withoutANetworkAccountsKeepTheirPlaceAndSayWhy() async throws {
        let sample = try await Sample()
        sample.network(false)
        await sample.app.opened()
        #expect(sample.app.accounts.count == 1)
        #expect(sample.app.troubles[sample.account]?.code == "unreachable")
        sample.network(true)
        await sample.app.opened()
        #expect(sample.app.troubles[sample.account] == nil)
    }

    @Test func theHistoryTakesAnApprovalBack() async throws {
        let sample = try await Sample()
        let (request, _, model) = try await sample.asked(["binding_message": "Pay 20 EUR"])
        await model.approve()
        let history = HistoryModel(sample.app, account: sample.account)
        await history.load()
        #expect(history.entries.map(\.wording) == ["Approved, on this phone"])
        #expect(history.entries.map(\.what.message) == ["Pay 20 EUR"] && !history.hasMore)
        #expect(await history.object(history.entries[0]) == .denied)
        #expect(history.entries.map(\.what.outcome) == [.denied])
        #expect(try await sample.bank.poll(request) == "access_denied")
    }

    @Test func whatAnotherPhoneApprovedIsShownAtTheStart() async throws {
        let sample = try await Sample()
        let other = Phone()
        let account = try await other.join(sample.subject)
        _ = try await sample.bank.asked(sample.subject)
        let there = try await other.core.pending(account: account, waitSeconds: 5)[0]
        _ = there.display()
        _ = try await other.core.approve(request: there)
        await sample.app.opened()
        #expect(sample.app.approvedElsewhere.map(\.what.onThisPhone) == [false])
        let history = HistoryModel(sample.app, account: sample.account)
        #expect(await history.object(sample.app.approvedElsewhere[0]) == .denied)
        await sample.app.opened()
        #expect(sample.app.approvedElsewhere.isEmpty)
    }

    private func deviceId(_ sample: Sample) async throws -> String {
        let devices = try await provider.admin("GET", "/users/\(sample.subject)/devices")["devices"].required().list.required()
        return try devices.first.required()["id"].required().text.required()
    }
}
