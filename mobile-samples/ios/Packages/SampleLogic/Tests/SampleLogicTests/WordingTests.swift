import AssentDevice
import Foundation
import SampleLogic
import Testing

/// Documents and keys that are not there.
private final class NothingStored: ExtensionPorts {
    func load(name: String) throws -> Data? { nil }
    func save(name: String, content: Data) throws {}
    func agree(alias: String, peer: Data) throws -> Data { throw VaultError.KeyMissing }
    func lock() throws {}
    func unlock() throws {}
}

/// Every condition.
private let errors: [DeviceError] = [
    .NotATicket, .WrongIssuer(issuer: ""), .InsecureIssuer(issuer: ""), .UnfitName(detail: ""), .Unreachable(detail: ""),
    .UntrustedCertificate(detail: ""), .ServerBusy(refusal: "", afterSeconds: nil), .ProofNotTaken, .Untrusted(detail: ""),
    .Unshowable(detail: ""), .NotUnderstood(status: 200, detail: ""), .Expired, .AlreadyAnswered, .Withdrawn, .Busy,
    .DisplayNotTaken, .DisplayIncomplete(missing: 1), .MatchCodeNeeded, .UnknownAccount, .NotActive, .Revoked, .Suspended,
    .UnknownPrompt, .NotOurPush, .KeysLost, .KeyInvalidated, .KeyUnavailable(detail: ""), .UserCancelled, .Storage(detail: ""),
    .DamagedState(detail: ""), .NewerState(version: 9), .Clock(detail: ""), .Platform(detail: ""), .Refused(refusal: ""),
]

@MainActor @Suite struct WordingTests {
    @Test(arguments: errors)
    func everyConditionHasItsWords(error: DeviceError) {
        let trouble = Trouble(error)
        #expect(trouble.code == error.code)
        #expect(trouble.text != Trouble(code: "of a later version").text)
    }

    @Test func whatIsToBeTriedAgainIsWhatTheCoreSaysPasses() {
        for error in errors where error.retryAfter != nil { #expect(Trouble(error).remedy == .tryAgain, "\(error)") }
    }

    @Test func anErrorOfTheAppIsNoWordOfItsOwn() {
        #expect(Trouble(Failed("secret")).code == "app" && !Trouble(Failed("secret")).text.contains("secret"))
    }

    @Test func aPushThatCannotBeOpenedSaysNoMoreThanThatSomethingWaits() {
        let opener = NoticeOpener(ports: NothingStored(), clock: SystemClock())
        for data in [[:], ["v": "1", "rid": "r"], ["v": "1", "rid": "r", "jwe": "not.one"]] {
            let text = NotificationText(data, by: opener)
            #expect(text.title == "Approval" && text.account == nil && text.prompt == nil)
        }
    }

    @Test func whatANotificationIsMarkedWithIsThisPhonesOwn() throws {
        let forged: [AnyHashable: Any] = ["v": "1", "assent.account": "another", "assent.prompt": "another"]
        let opened = pushData(NotificationText([:], by: Opener()).marked(forged))
        let marks = try #require(Marks.read(opened))
        #expect(marks == ("account", "prompt") && opened["v"] == "1")
        for opener in [Opener(fails: .NotOurPush), nil] {
            let unopened = NotificationText([:], by: opener).marked(forged)
            #expect(Marks.read(pushData(unopened)) == nil && pushData(unopened) == ["v": "1"])
        }
        #expect(Marks.read(["account": "another", "prompt": "another"]) == nil)
    }

    @Test func onlyTextOfAPushIsItsData() {
        let delivered: [AnyHashable: Any] = ["v": "1", "rid": "r", "aps": ["alert": "x"], 7: "seven", "n": 7]
        #expect(pushData(delivered) == ["v": "1", "rid": "r"])
    }

    @Test func theTokenOfApplesServiceIsToldInHexadecimalDigits() async throws {
        let sample = try await Sample()
        #expect(sample.app.push.target == nil)
        await sample.app.push.registered(Data([0x0f, 0xa0]), sandbox: true)
        #expect(sample.app.push.target == .apns(token: "0fa0", sandbox: true))
        #expect(sample.app.push.wording == "Requests arrive by push.")
        await sample.app.push.want(false)
        #expect(sample.app.push.target == PushTarget.none && sample.app.push.wording.hasPrefix("Pushes are off"))
        await sample.app.push.want(true)
        #expect(sample.app.push.target == .apns(token: "0fa0", sandbox: true))
        #expect(sample.app.push.policies.keys.contains(sample.account))
    }

    @Test func thatPushesAreOffIsRemembered() async throws {
        let phone = Phone()
        #expect(phone.start().push.wanted)
        await phone.start().push.want(false)
        let push = phone.start().push
        #expect(!push.wanted && push.target == PushTarget.none)
        await push.registered(Data([0x0f]), sandbox: true)
        #expect(push.target == PushTarget.none)
    }

    @Test func withoutATokenTheAppSaysWhy() {
        let push = Phone().start().push
        #expect(push.wording == "Waiting for Apple's token.")
        push.refused("no network")
        #expect(push.wording.contains("no network") && push.target == nil)
    }
}
