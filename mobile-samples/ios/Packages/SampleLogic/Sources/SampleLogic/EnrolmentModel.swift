import AssentDevice
import Foundation
import Observation

/// A ticket, scanned or pasted, becomes an account.
@MainActor @Observable
public final class EnrolmentModel {
    /// How far it is.
    public enum Stage: Equatable {
        /// Waits for a ticket.
        case ticket
        /// Makes keys and talks to the server.
        case working
        /// The user types these on the page that showed the ticket.
        case digits(String, account: String)
        /// The account is there.
        case done(label: String)
        /// It did not work, and the ticket may be used up.
        case failed(Trouble)
        /// Other digits were typed, or the ticket ended.
        case cancelled
    }

    /// How far it is.
    public private(set) var stage = Stage.ticket

    private let core: DeviceCore
    private let issuers: [String]
    private let info: DeviceInfo
    private let push: PushTarget

    /// For one enrolment.
    public init(_ app: AppModel) {
        core = app.core
        issuers = app.issuers
        info = app.info
        push = app.push.target ?? .none
    }

    /// Whether a text may be a ticket's link: one of the app's own issuers. A scanner goes on looking otherwise.
    /// The core judges it.
    public func mayBeTicket(_ text: String) -> Bool {
        let text = text.trimmingCharacters(in: .whitespacesAndNewlines)
        return issuers.contains { text.hasPrefix($0.hasSuffix("/") ? $0 : $0 + "/") }
    }

    /// Joins, shows the digits, and waits until they were typed. Cancelling the task stops the waiting only.
    public func join(_ ticket: String, every interval: Duration = .seconds(2)) async {
        guard stage != .working else { return }
        stage = .working
        do {
            let ticket = ticket.trimmingCharacters(in: .whitespacesAndNewlines)
            let enrolment = try await core.enrol(ticket: ticket, info: info, push: push)
            try await confirm(enrolment, interval)
        } catch is CancellationError {
        } catch {
            stage = .failed(Trouble(error))
        }
    }

    /// Waits on with an enrolment that the app was closed during.
    public func resume(_ account: String, every interval: Duration = .seconds(2)) async {
        do {
            try await confirm(core.enrolment(account: account), interval)
        } catch is CancellationError {
        } catch {
            stage = .failed(Trouble(error))
        }
    }

    private func confirm(_ enrolment: Enrolment, _ interval: Duration) async throws {
        if let digits = enrolment.digits() { stage = .digits(digits, account: enrolment.account()) }
        let state = try await core.awaitEnrolment(account: enrolment.account(), every: interval)
        stage = state == .active ? .done(label: enrolment.label()) : .cancelled
    }
}
