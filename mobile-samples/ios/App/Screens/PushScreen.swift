import AssentDevice
import SampleLogic
import SwiftUI

/// Whether requests arrive by push, and what each account's realm says of it.
struct PushScreen: View {
    let push: PushModel

    var body: some View {
        List {
            Section {
                Toggle("Pushes", isOn: wanted)
                Text(push.wording)
            }
            Section("Accounts") {
                ForEach(push.policies.sorted { $0.key < $1.key }, id: \.key) { _, policy in
                    Text(policy.push == .sealed ? "Pushes bring the request, sealed to this phone." : "Pushes only wake this app.")
                }
                ForEach(push.troubles.sorted { $0.key < $1.key }, id: \.key) { Text($0.value.text).foregroundStyle(.red) }
            }
        }
        .navigationTitle("Pushes")
    }

    private var wanted: Binding<Bool> { Binding { push.wanted } set: { wanted in Task { await push.want(wanted) } } }
}
