// A stand-in, for Linux only: proves nothing of Apple's behaviour. See the README in the folder above.
import Foundation

open class DCAppAttestService: NSObject {
    open class var shared: DCAppAttestService { DCAppAttestService() }
    open var isSupported: Bool { false }
    open func generateKey() async throws -> String { throw NSError(domain: "com.apple.devicecheck.error", code: 1) }
    open func attestKey(_ keyId: String, clientDataHash: Data) async throws -> Data {
        throw NSError(domain: "com.apple.devicecheck.error", code: 1)
    }
}
