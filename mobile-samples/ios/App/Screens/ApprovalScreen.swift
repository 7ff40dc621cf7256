import AssentDevice
import Foundation
import SampleLogic
import SwiftUI

/// One request: warnings, every line, the client's own words apart from ours, the digits of the other screen, and only below
/// all that the buttons. No text is ever cut short.
struct ApprovalScreen: View {
    @Bindable var model: ApprovalModel
    @State private var denies = false
    @Environment(\.dismiss) private var dismiss

    var body: some View {
        NavigationStack {
            Form {
                heading
                warnings
                Section { ForEach(numbered(model.display.lines)) { LineRow(line: $0.line) } }
                context
                if model.conclusion == nil {
                    matchCode
                    buttons
                } else {
                    conclusion
                }
            }
            .navigationTitle("Request")
            .toolbar { ToolbarItem(placement: .cancellationAction) { Button("Close") { dismiss() } } }
        }
        .task {
            while !Task.isCancelled {
                model.look()
                try? await Task.sleep(for: .seconds(1))
            }
        }
    }

    private var heading: some View {
        Section {
            Whole(text: model.display.title).font(.title)
            Text(model.display.kind.wording)
            LabeledContent("Account") { Whole(text: model.display.account) }
            LabeledContent("Until") { Text(Date(timeIntervalSince1970: TimeInterval(model.display.expiresAt)), style: .time) }
        }
    }

    @ViewBuilder private var warnings: some View {
        if !model.display.warnings.isEmpty {
            Section("Take care") {
                ForEach(model.display.warnings, id: \.self) { Text($0.wording).foregroundStyle(.red) }
            }
        }
    }

    @ViewBuilder private var context: some View {
        if !model.display.context.isEmpty {
            Section {
                ForEach(numbered(model.display.context)) { LineRow(line: $0.line) }
            } header: {
                Text(verbatim: "In the words of \(model.display.title)")
            }
        }
    }

    @ViewBuilder private var matchCode: some View {
        if let code = model.display.matchCode {
            Section("Type the \(code.digits) digits that the other screen shows") {
                TextField("Digits", text: $model.digits).keyboardType(.numberPad).monospacedDigit()
            }
        }
    }

    private var buttons: some View {
        Section {
            if let trouble = model.trouble { Text(trouble.text).foregroundStyle(.red) }
            Button(model.display.kind == .notice ? "Fine" : "Approve") { Task { await model.approve() } }
                .disabled(!model.canApprove)
            Button("Deny", role: .destructive) { denies = true }
                .disabled(model.stage != .asking)
                .confirmationDialog("Why?", isPresented: $denies, titleVisibility: .visible) {
                    ForEach(DenyReason.choices, id: \.self) { reason in
                        Button(reason.wording, role: .destructive) { Task { await model.deny(reason) } }
                    }
                }
        }
    }

    private var conclusion: some View {
        Section {
            Text(model.conclusion ?? "").font(.headline)
            if let trouble = model.trouble { Text(trouble.text).foregroundStyle(.red) }
            if model.offersBlock {
                Text(verbatim: "Keep \(model.display.title) from asking again?")
                ForEach(BlockPeriod.choices, id: \.self) { period in
                    Button(period.wording) { Task { await model.block(period) } }
                }
            }
            if let period = model.blocked { Text("Blocked. \(period.wording).") }
        }
    }

    private func numbered(_ lines: [DisplayLine]) -> [Numbered] {
        lines.enumerated().map { Numbered(id: $0.offset, line: $0.element) }
    }
}

/// Two lines may be the same.
private struct Numbered: Identifiable {
    let id: Int
    let line: DisplayLine
}

/// One line, whole.
private struct LineRow: View {
    let line: DisplayLine

    var body: some View {
        VStack(alignment: .leading) {
            Whole(text: line.label).font(.caption)
            Whole(text: line.value)
        }
    }
}

/// A text of others, as it is: no markup is read in it, and it takes the room that it needs.
private struct Whole: View {
    let text: String

    var body: some View { Text(verbatim: text).lineLimit(nil).fixedSize(horizontal: false, vertical: true) }
}
