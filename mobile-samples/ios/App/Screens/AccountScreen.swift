import AssentDevice
import SampleLogic
import SwiftUI

/// One account: what was answered, who is blocked, new keys, and the way out.
struct AccountScreen: View {
    let app: AppModel
    let account: Account
    @State private var leaves = false
    @State private var renewal: RotationState?
    @Environment(\.dismiss) private var dismiss

    private var trouble: Trouble? { app.troubles[account.id] }
    private var ended: Bool { account.state == .revoked || account.state == .cancelled || trouble?.remedy == .enrolAgain }

    var body: some View {
        List {
            TroubleSection(trouble: app.trouble)
            if let trouble { Section { Text(trouble.text).foregroundStyle(.red) } }
            Section {
                LabeledContent("Account") { Text(verbatim: account.label) }
                LabeledContent("At") { Text(verbatim: account.issuer) }
                LabeledContent("State") { Text(account.state.wording) }
                if let reason = account.revoked { Text(reason.wording).foregroundStyle(.red) }
            }
            if account.state == .unconfirmed {
                Section { NavigationLink { Confirmation(app: app, account: account.id) } label: { Text("Show the six digits") } }
            }
            if account.state == .active {
                Section {
                    NavigationLink { HistoryScreen(model: HistoryModel(app, account: account.id)) } label: { Text("History") }
                    NavigationLink { BlockedScreen(model: BlockedModel(app, account: account.id)) } label: { Text("Blocked") }
                }
                renewing
            }
            Section {
                Button(ended ? "Take off the list" : "Leave this account", role: .destructive) { leaves = true }
                    .confirmationDialog(
                        Text(verbatim: "This phone will not approve for \(account.label) any more."), isPresented: $leaves,
                        titleVisibility: .visible
                    ) {
                        Button("Remove", role: .destructive) { Task { await leave() } }
                    }
            }
        }
        .navigationTitle(account.label)
    }

    private var renewing: some View {
        Section("Keys") {
            Button("New key for approvals") { Task { renewal = await app.renewKeys(account.id) } }
            switch renewal {
            case .done: Text("Done.")
            case .awaiting: Text("Agree on another phone of yours, or sign in anew. Then tap again.")
            case nil: Text("After Face ID or Touch ID were changed, or from time to time.").font(.caption)
            }
        }
    }

    private func leave() async {
        if ended { await app.wipe(account.id) } else { await app.forget(account.id) }
        if app.trouble == nil { dismiss() }
    }
}

/// The digits of an enrolment that the app was closed during.
private struct Confirmation: View {
    let account: String
    let app: AppModel
    @State private var model: EnrolmentModel

    init(app: AppModel, account: String) {
        (self.app, self.account) = (app, account)
        _model = State(initialValue: EnrolmentModel(app))
    }

    var body: some View {
        Form {
            switch model.stage {
            case .digits(let digits, _): Text(verbatim: digits).font(.largeTitle).monospacedDigit()
            case .done: Text("This phone can approve now.")
            case .failed(let trouble): Text(trouble.text).foregroundStyle(.red)
            case .cancelled: Text("Too late. Ask for a new code.").foregroundStyle(.red)
            case .ticket, .working: ProgressView()
            }
        }
        .task {
            await model.resume(account)
            await app.opened()
        }
    }
}
