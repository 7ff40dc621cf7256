import AssentDevice
import SampleLogic
import SwiftUI

/// What waits, what other phones approved, and the accounts.
struct HomeScreen: View {
    @Bindable var home: Home
    let app: AppModel

    var body: some View {
        NavigationStack {
            List {
                TroubleSection(trouble: app.trouble) { await app.discardDamagedState() }
                Section("Waiting for you") {
                    ForEach(app.requests, id: \.idOfRequest) { request in
                        Button { home.show(request) } label: { RequestRow(request: request) }
                    }
                }
                Section("Approved on other phones") {
                    ForEach(app.approvedElsewhere) { entry in
                        NavigationLink { HistoryScreen(model: HistoryModel(app, account: entry.account)) } label: {
                            EntryRow(entry: entry)
                        }
                    }
                }
                Section("Accounts") {
                    ForEach(app.accounts, id: \.id) { account in
                        NavigationLink { AccountScreen(app: app, account: account) } label: {
                            AccountRow(account: account, trouble: app.troubles[account.id])
                        }
                    }
                }
            }
            .navigationTitle("Approvals")
            .refreshable { await app.opened() }
            .toolbar {
                ToolbarItem(placement: .topBarLeading) { NavigationLink { PushScreen(push: app.push) } label: { Text("Pushes") } }
                ToolbarItem(placement: .topBarTrailing) { Button("Add account") { home.addAccount() } }
            }
            .sheet(item: $home.sheet) { sheet in
                Covered {
                    switch sheet {
                    case .approval(let model): ApprovalScreen(model: model)
                    case .enrolment(let model, let link): EnrolScreen(model: model, link: link) { await app.opened() }
                    }
                }
            }
        }
        // Without pushes, the app asks while it is open.
        .task(id: app.watched) { await app.watch(app.watched) }
    }
}

extension ApprovalRequest {
    /// For lists.
    fileprivate var idOfRequest: String { id() }
}

/// Who asks for what, in a line of the list. The screen shows the rest.
private struct RequestRow: View {
    let request: ApprovalRequest

    var body: some View {
        VStack(alignment: .leading) {
            Text(verbatim: request.clientName()).font(.headline)
            if let message = request.bindingMessage() { Text(verbatim: message) }
            if !request.clientVerified() { Text(Warning.unverifiedClient.wording).foregroundStyle(.orange) }
        }
    }
}

/// An account in the list.
private struct AccountRow: View {
    let account: Account
    let trouble: Trouble?

    var body: some View {
        VStack(alignment: .leading) {
            Text(verbatim: account.label)
            Text(verbatim: account.issuer).font(.caption)
            if account.state != .active { Text(account.state.wording).foregroundStyle(.red) }
            if let trouble { Text(trouble.text).foregroundStyle(.orange) }
        }
    }
}

/// What went wrong, with its remedy where it is one button.
struct TroubleSection: View {
    let trouble: Trouble?
    var discard: () async -> Void = {}

    var body: some View {
        if let trouble {
            Section {
                Text(trouble.text).foregroundStyle(.red)
                if trouble.remedy == .discard {
                    Button("Start anew", role: .destructive) { Task { await discard() } }
                }
            }
        }
    }
}
