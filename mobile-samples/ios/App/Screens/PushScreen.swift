import AssentDevice
import SampleLogic
import SwiftUI

/// Whether requests arrive by push, and what each account's realm says of it.
struct PushScreen: View {
    let push: PushModel

    var body: some View {
        List {
            Section {
                Text(push.wording)
                Button(push.wanted ? "Turn pushes off" : "Turn pushes on") { Task { await push.want(!push.wanted) } }
            }
            Section("Accounts") {
                ForEach(push.policies.sorted { $0.key < $1.key }, id: \.key) { _, policy in
                    Text(policy.push == .sealed ? "Pushes bring the request, sealed." : "Pushes only wake this app.")
                }
                ForEach(push.troubles.sorted { $0.key < $1.key }, id: \.key) { Text($0.value.text).foregroundStyle(.red) }
            }
        }
        .navigationTitle("Pushes")
    }
}
