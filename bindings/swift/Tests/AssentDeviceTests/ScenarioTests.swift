import Foundation
import TestSupport
import Testing

/// The repository's scenarios, which Kotlin and Python play as well.
@Suite(.serialized) struct ScenarioTests {
    private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("../../../../mobile-samples/scenarios").standardizedFileURL

    /// One for all of them, in which nobody else has clients.
    private static let provider = Provider()

    private static let files: [String] = {
        let all = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        return all.filter { $0.hasSuffix(".json") && $0 != "schema.json" }.sorted()
    }()

    @Test func thereAreScenarios() { #expect(Self.files.count > 20, "in \(Self.folder.path)") }

    @Test(arguments: files) func everyStepComesToWhatItSays(file: String) async throws {
        try await play(scenario: Data(contentsOf: Self.folder.appendingPathComponent(file)), against: Self.provider)
    }

    @Test(arguments: [
        #"{ "do": "fly", "user": "anna" }"#, #"{ "do": "user", "user": "anna", "age": 7 }"#, #"{ "do": "user" }"#,
        #"{ "do": "user", "user": "anna", "error": "expired" }"#, #"{ "do": "wait", "seconds": "one" }"#,
        #"{ "do": "set", "phone": "annas", "network": "slow" }"#, #"{ "do": "restart" }"#,
        #"{ "do": "poll", "client": "bank", "request": "payment" }"#,
        #"{ "do": "accounts", "phone": "annas", "accounts": [{ "state": "active" }] }"#,
    ])
    func whatIsNotAsWrittenFails(step: String) async {
        await #expect(throws: Failed.self) {
            try await play(scenario: Data(#"{ "title": "t", "steps": [\#(step)] }"#.utf8), against: Self.provider)
        }
    }

    @Test(arguments: ["{}", "[]", #"{ "title": "t", "steps": [] }"#, #"{ "title": "t", "steps": [{}], "more": 1 }"#])
    func whatIsNoScenarioFails(text: String) async {
        await #expect(throws: Failed.self) {
            try await play(scenario: Data(text.utf8), against: Self.provider)
        }
    }

    @Test func aSwitchIsTrueOrFalse() throws {
        let step = { (wrong: JSON) in Step(number: 1, members: ["wrong": wrong]) }
        #expect(try step(.bool(true)).isSet("wrong") && !step(.bool(false)).isSet("wrong") && !step(.bool(true)).isSet("right"))
        for other: JSON in ["true", .number(1), nil] {
            #expect(throws: Failed.self) { try step(other).isSet("wrong") }
        }
    }

    @Test func anUnexpectedMemberOfAScreenFails() throws {
        #expect(throws: Failed.self) { try expect(["colour": "red"], in: ["kind": "test"]) }
        #expect(throws: Failed.self) { try expect(["kind": nil], in: ["kind": "test"]) }
        try expect(["kind": "test"], in: ["kind": "test", "title": "t"])
    }
}
