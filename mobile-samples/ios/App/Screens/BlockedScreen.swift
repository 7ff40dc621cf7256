import Foundation
import SampleLogic
import SwiftUI

/// Who may not ask. Letting one ask again makes the platform verify the user.
struct BlockedScreen: View {
    @State var model: BlockedModel

    var body: some View {
        List {
            TroubleSection(trouble: model.trouble)
            ForEach(model.clients, id: \.client) { client in
                VStack(alignment: .leading) {
                    Text(verbatim: client.name).font(.headline)
                    if let until = client.until {
                        Text(Date(timeIntervalSince1970: TimeInterval(until)), style: .relative)
                    } else {
                        Text("Until you lift it")
                    }
                    Button("Let it ask again") { Task { await model.unblock(client) } }
                }
            }
            if model.clients.isEmpty { Text("Nobody is blocked.") }
        }
        .navigationTitle("Blocked")
        .task { await model.load() }
    }
}
