import AssentDevice
import Testing

@Test func codesAreStable() {
    #expect(errorCode(error: .UnknownAccount) == "unknown_account")
}
