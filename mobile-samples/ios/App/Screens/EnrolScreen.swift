import SampleLogic
import SwiftUI

/// From a ticket to an account: scan or paste, then type the six digits on the page that showed it. A link that iOS opened
/// the app with is filled in and waits for the user, too: anyone can show one.
struct EnrolScreen: View {
    @State var model: EnrolmentModel
    @State var link: String
    let finished: () async -> Void
    @State private var scans = false
    @Environment(\.dismiss) private var dismiss

    var body: some View {
        NavigationStack {
            Form { content }
                .navigationTitle("Add account")
                .toolbar { ToolbarItem(placement: .cancellationAction) { Button("Close") { dismiss() } } }
        }
    }

    @ViewBuilder private var content: some View {
        switch model.stage {
        case .ticket:
            Section {
                if TicketScanner.isPossible { Button("Scan a code") { scans = true } }
                TextField("Paste a link", text: $link)
                Button("Go on") { Task { await join() } }.disabled(!model.mayBeTicket(link))
            }
            .sheet(isPresented: $scans) {
                TicketScanner(fits: model.mayBeTicket) { found in
                    scans = false
                    link = found
                    Task { await join() }
                }
            }
        case .working:
            ProgressView()
        case .digits(let digits, _):
            Section {
                Text("Type these digits on the screen that showed the code:")
                Text(verbatim: digits).font(.largeTitle).monospacedDigit().textSelection(.enabled)
            }
        case .done(let label):
            Section { Text(verbatim: "This phone can approve for \(label).") }
        case .failed(let trouble):
            Section { Text(trouble.text).foregroundStyle(.red) }
        case .cancelled:
            Section { Text("Other digits were typed, or too late. Ask for a new code.").foregroundStyle(.red) }
        }
    }

    private func join() async {
        await model.join(link)
        await finished()
    }
}
