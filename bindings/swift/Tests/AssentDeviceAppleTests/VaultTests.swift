import AssentDevice
import Foundation
import LocalAuthentication
import Security
import Testing

@testable import AssentDeviceApple

@Suite struct VaultTests {
    let keychain = FakeKeychain()
    var vault: SecureEnclaveVault {
        SecureEnclaveVault(keychain) { reason in
            if case .approval(let client) = reason { "Approve for \(client)" } else { "\(reason)" }
        }
    }

    private func makeVerified(_ protection: KeyProtection = .biometric) async throws {
        _ = try await vault.generate(alias: "v", purpose: .verified, protection: protection)
    }

    private func signing() async -> VaultError? {
        do {
            _ = try await vault.sign(alias: "v", message: Data(), reason: .proof)
            return nil
        } catch {
            return error as? VaultError
        }
    }

    @Test func aKeyIsProtectedByWhatItIsFor() {
        let of = { (purpose, protection) in KeyAccess(purpose, protection) }
        for protection in [KeyProtection.biometric, .credential] {
            let device = of(.device, protection)
            #expect(device.check == .nothing && !device.whileLocked && !device.shared)
            let sealing = of(.sealing, protection)
            #expect(sealing.check == .nothing && sealing.whileLocked && sealing.shared)
        }
        #expect(of(.verified, .biometric).check == .currentBiometrics)
        #expect(of(.verified, .credential).check == .biometricsOrPasscode)
        #expect(!of(.verified, .credential).whileLocked && !of(.verified, .biometric).shared)
    }

    @Test func theDialogueSpeaksTheWordsOfTheApp() async throws {
        try await makeVerified()
        let signed = try await vault.sign(alias: "v", message: Data("text".utf8), reason: .approval(client: "Bank"))
        #expect(signed == Data("text signed by v".utf8))
        #expect(keychain.said == ["Approve for Bank"])
    }

    @Test func aCancelledTaskTakesTheDialogueAway() async throws {
        try await makeVerified()
        keychain.waits()
        let task = Task { [vault] in try await vault.sign(alias: "v", message: Data(), reason: .proof) }
        task.cancel()
        await #expect(throws: VaultError.UserCancelled) { try await task.value }
    }

    @Test func aNewKeyReplacesTheOneBefore() async throws {
        try await makeVerified()
        _ = try await vault.generate(alias: "v", purpose: .device, protection: .biometric)
        #expect(keychain.access["v"]?.check == .nothing)
        #expect(keychain.written.isEmpty, "biometrics of the key before")
    }

    @Test func deletingTakesAllThatIsKnownOfAKey() async throws {
        try await makeVerified()
        #expect(!keychain.written.isEmpty)
        try await vault.delete(alias: "v")
        try await vault.delete(alias: "v")
        #expect(keychain.access.isEmpty && keychain.written.isEmpty)
        #expect(await signing() == .KeyMissing)
    }

    @Test(arguments: [
        (osStatus, Int(errSecUserCanceled)),
        (localAuthentication, LAError.Code.userCancel.rawValue),
        (localAuthentication, LAError.Code.userFallback.rawValue),
        (localAuthentication, LAError.Code.systemCancel.rawValue),
        (localAuthentication, LAError.Code.appCancel.rawValue),
    ])
    func aDialogueThatEndsIsTheUsersCancel(domain: String, code: Int) async throws {
        try await makeVerified()
        keychain.fails(domain, code)
        keychain.biometrics(are: .nobody)
        #expect(await signing() == .UserCancelled)
    }

    @Test(arguments: [
        (osStatus, Int(errSecAuthFailed)),
        (osStatus, Int(errSecInteractionNotAllowed)),
        (osStatus, Int(errSecNotAvailable)),
        (localAuthentication, LAError.Code.authenticationFailed.rawValue),
        (localAuthentication, LAError.Code.biometryNotAvailable.rawValue),
        (localAuthentication, LAError.Code.biometryNotEnrolled.rawValue),
        (localAuthentication, LAError.Code.biometryLockout.rawValue),
        (localAuthentication, LAError.Code.invalidContext.rawValue),
        (localAuthentication, LAError.Code.notInteractive.rawValue),
        ("CryptoTokenKit", -3),
    ])
    func aKeyThatWorksLaterIsUnavailable(domain: String, code: Int) async throws {
        try await makeVerified()
        keychain.fails(domain, code)
        guard case .Unavailable(let detail) = await signing() else { Issue.record("not unavailable"); return }
        #expect(detail.hasPrefix("\(domain) \(code)"))
    }

    @Test func whatNobodyForesawIsUnexpected() async throws {
        try await makeVerified()
        for (domain, code) in [(osStatus, -50), (localAuthentication, -99), ("elsewhere", -128)] {
            keychain.fails(domain, code)
            guard case .Unexpected = await signing() else { Issue.record("\(domain) \(code)"); continue }
        }
    }

    @Test(arguments: [(osStatus, Int(errSecAuthFailed)), (osStatus, Int(errSecItemNotFound)), ("CryptoTokenKit", -3)])
    func aKeyThatFailsAfterBiometricsChangedIsInvalidated(domain: String, code: Int) async throws {
        try await makeVerified()
        keychain.fails(domain, code)
        for changed in [Biometrics.enrolled(Data("two faces".utf8)), .nobody] {
            keychain.biometrics(are: changed)
            #expect(await signing() == .KeyInvalidated)
        }
    }

    @Test func aKeyThatWorksIsNotHeldUpByChangedBiometrics() async throws {
        try await makeVerified()
        keychain.biometrics(are: .enrolled(Data("two faces".utf8)))
        #expect(await signing() == nil)
    }

    @Test func whileBiometricsAreLockedOutNobodySaysThatTheyChanged() async throws {
        try await makeVerified()
        keychain.biometrics(are: .untold)
        keychain.fails(localAuthentication, LAError.Code.biometryLockout.rawValue)
        guard case .Unavailable = await signing() else { Issue.record("not unavailable"); return }
    }

    @Test(arguments: [KeyProtection.biometric, .credential])
    func aKeyThatIsGoneIsInvalidatedWhereItIsRemembered(protection: KeyProtection) async throws {
        try await makeVerified(protection)
        keychain.losesKeys()
        #expect(await signing() == .KeyInvalidated, "as after the passcode was removed, whatever is set now")
        keychain.biometrics(are: .nobody)
        #expect(await signing() == .KeyInvalidated)
        try await vault.delete(alias: "v")
        #expect(await signing() == .KeyMissing, "nothing is remembered, as after a restore")
    }

    @Test(arguments: [KeyProtection.biometric, .credential])
    func withoutAPasscodeNobodyCanUseAVerifiedKeyAnyMore(protection: KeyProtection) async throws {
        try await makeVerified(protection)
        keychain.fails(localAuthentication, LAError.Code.passcodeNotSet.rawValue)
        #expect(await signing() == .KeyInvalidated)
    }

    @Test func aKeyThatWasMadeWhileBiometricsWereUntoldEndsWithItsLossAlone() async throws {
        keychain.biometrics(are: .untold)
        try await makeVerified()
        keychain.biometrics(are: .enrolled(Data("one face".utf8)))
        keychain.fails(osStatus, Int(errSecAuthFailed))
        guard case .Unavailable = await signing() else { Issue.record("not unavailable"); return }
    }

    @Test func aDeviceKeyThatIsGoneIsMissing() async throws {
        _ = try await vault.generate(alias: "v", purpose: .device, protection: .credential)
        keychain.losesKeys()
        #expect(await signing() == .KeyMissing)
    }

    @Test func aKeyBoundToThePasscodeSurvivesNewBiometrics() async throws {
        try await makeVerified(.credential)
        keychain.biometrics(are: .enrolled(Data("two faces".utf8)))
        keychain.fails(osStatus, Int(errSecAuthFailed))
        guard case .Unavailable = await signing() else { Issue.record("not unavailable"); return }
    }

    @Test func ourCodesAreThoseThatThePlatformNames() {
        #expect(osStatus == NSOSStatusErrorDomain && localAuthentication == LAErrorDomain)
        #expect(SecurityCode.userCanceled == Int(errSecUserCanceled))
        #expect(SecurityCode.notAvailable == Int(errSecNotAvailable))
        #expect(SecurityCode.authFailed == Int(errSecAuthFailed))
        #expect(SecurityCode.itemNotFound == Int(errSecItemNotFound))
        #expect(SecurityCode.interactionNotAllowed == Int(errSecInteractionNotAllowed))
    }
}
