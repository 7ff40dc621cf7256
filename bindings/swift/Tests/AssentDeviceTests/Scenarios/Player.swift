import AssentDevice
import Foundation
import TestSupport

/// How one kind of step is played, and the members that it may have.
struct Action {
    let members: Set<String>
    let play: (Step, Cast) async throws -> Void

    init(_ members: String..., play: @escaping (Step, Cast) async throws -> Void) {
        (self.members, self.play) = (Set(members), play)
    }
}

/// Plays a scenario; fails at the first step that does not come to what it must.
func play(scenario data: Data, against provider: Provider) async throws {
    let scenario = try JSONDecoder().decode(JSON.self, from: data).object.required("an object")
    guard Set(scenario.keys) == ["title", "steps"], let steps = scenario["steps"]?.list, !steps.isEmpty else {
        throw Failed("a scenario has a title and steps")
    }
    let cast = Cast(provider: provider)
    do {
        try await play(steps, with: cast)
    } catch {
        try await cast.leave()
        throw error
    }
    try await cast.leave()
}

private func play(_ steps: [JSON], with cast: Cast) async throws {
    let actions = [relyingPartyActions(), phoneActions(), answerActions(), worldActions()]
        .reduce(into: [:]) { $0.merge($1) { _, _ in fatalError("two actions of one name") } }
    for (index, members) in steps.enumerated() {
        let step = Step(number: index + 1, members: try members.object.required("an object"))
        do {
            try await play(step, by: actions, with: cast)
        } catch {
            throw Failed("\(step): \(error)")
        }
    }
}

private func play(_ step: Step, by actions: [String: Action], with cast: Cast) async throws {
    let action = try actions[step.text("do")].required("a known step")
    let unknown = Set(step.members.keys).subtracting(action.members).subtracting(["do", "error"])
    guard unknown.isEmpty else { throw Failed("unknown members: \(unknown.sorted())") }
    let code = try await refusal { try await action.play(step, cast) }
    let expected = try step.textIfAny("error")
    guard code == expected else { throw Failed("it came to \(code ?? "success"), not \(expected ?? "success")") }
}

/// The code by which a call is refused, by the device or by the provider; `nil` where it succeeds.
func refusal(of call: () async throws -> Void) async throws -> String? {
    do {
        try await call()
        return nil
    } catch let error as DeviceError {
        return error.code
    } catch let error as OAuthError {
        return error.code
    }
}
