import Foundation
import SampleLogic
import SwiftUI

/// What was answered, newest first, with *this was not me* for as long as it is heard.
struct HistoryScreen: View {
    @State var model: HistoryModel
    @State private var objects: Entry?
    @State private var asks = false

    var body: some View {
        List {
            TroubleSection(trouble: model.trouble)
            ForEach(model.entries) { entry in
                VStack(alignment: .leading) {
                    EntryRow(entry: entry)
                    if entry.mayObject { Button("This was not me", role: .destructive) { (objects, asks) = (entry, true) } }
                }
            }
            if model.hasMore { Button("Older") { Task { await model.more() } } }
        }
        .navigationTitle("History")
        .task { await model.load() }
        .refreshable { await model.load() }
        .confirmationDialog("Take this back?", isPresented: $asks, titleVisibility: .visible, presenting: objects) { entry in
            Button("This was not me", role: .destructive) { Task { await model.object(entry) } }
        } message: { _ in
            Text("What was approved ends. If it was used already, the phone that approved is taken out of use.")
        }
    }
}

/// One answer.
struct EntryRow: View {
    let entry: Entry

    var body: some View {
        VStack(alignment: .leading) {
            Text(verbatim: entry.what.clientName).font(.headline)
            if let message = entry.what.message { Text(verbatim: message) }
            Text(verbatim: entry.wording)
            Text(Date(timeIntervalSince1970: TimeInterval(entry.what.answeredAt)), style: .date).font(.caption)
        }
    }
}
