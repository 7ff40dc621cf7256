import AssentDevice
import DeviceCheck
import Foundation

/// Evidence by App Attest. A phone or process without it (an extension, the simulator) has none to give, and the server
/// decides whether it takes the phone all the same.
public final class AppAttestAttestor: Attestor {
    private let service: any AppAttest

    /// Asks the platform's own service.
    public convenience init() { self.init(SystemAppAttest()) }

    init(_ service: any AppAttest) { self.service = service }

    /// Nothing: App Attest vouches for the app, which then says what its keys are.
    public func prepare(alias: String, challenge: Data) async throws {}

    /// A key of App Attest serves for one attestation and is forgotten. Apple counts new keys, so enrol no phone in a loop.
    public func attest(request: AttestationRequest) async throws -> PlatformEvidence {
        guard service.isSupported else { return .none }
        do {
            let key = try await service.generateKey()
            return .appleAppAttest(object: try await service.attestKey(key, clientDataHash: request.clientDataHash))
        } catch {
            throw AttestorError.Failed(detail: "\(error)")
        }
    }
}

/// The calls of `DCAppAttestService`.
protocol AppAttest: Sendable {
    var isSupported: Bool { get }
    func generateKey() async throws -> String
    func attestKey(_ key: String, clientDataHash: Data) async throws -> Data
}

private struct SystemAppAttest: AppAttest {
    var isSupported: Bool { DCAppAttestService.shared.isSupported }

    func generateKey() async throws -> String { try await DCAppAttestService.shared.generateKey() }

    func attestKey(_ key: String, clientDataHash: Data) async throws -> Data {
        try await DCAppAttestService.shared.attestKey(key, clientDataHash: clientDataHash)
    }
}
