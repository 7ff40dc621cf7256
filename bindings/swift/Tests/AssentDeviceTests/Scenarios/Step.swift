import AssentDevice
import TestSupport

/// One step of a scenario, as it is written.
struct Step: CustomStringConvertible {
    let number: Int
    let members: [String: JSON]

    var description: String { "step \(number), \((try? text("do")) ?? "?")" }

    func has(_ member: String) -> Bool { members[member] != nil }

    func text(_ member: String) throws -> String { try members[member].required(member).text.required("text of \(member)") }

    func textIfAny(_ member: String) throws -> String? { try has(member) ? text(member) : nil }

    func isSet(_ member: String) throws -> Bool {
        try has(member) && members[member]?.bool.required("true or false as \(member)") == true
    }

    func number(_ member: String) throws -> Double { try members[member].required(member).number.required("number of \(member)") }

    func list(_ member: String) throws -> [JSON] { try members[member].required(member).list.required("list of \(member)") }

    func texts(_ member: String) throws -> [String] { try list(member).map { try $0.text.required("text in \(member)") } }
}

/// Fails unless each member of `expected` is the same in `found`, which has all that may be asked for.
func expect(_ expected: JSON, in found: [String: JSON]) throws {
    for (member, value) in try expected.object.required("an object") {
        let actual = try found[member].required("known member \(member)")
        guard actual == value else { throw Failed("\(member) is \(actual), not \(value)") }
    }
}

/// The same for a list, one by one.
func expect(_ expected: [JSON], in found: [[String: JSON]]) throws {
    guard expected.count == found.count else { throw Failed("there are \(found.count), not \(expected.count): \(found)") }
    for (expected, found) in zip(expected, found) { try expect(expected, in: found) }
}

/// A value as scenarios spell it: `until_lifted` for `untilLifted`.
func word(_ value: Any) -> String {
    let name = String(describing: value).prefix { $0 != "(" }
    return name.reduce(into: "") { $0 += $1.isUppercase ? "_" + $1.lowercased() : String($1) }
}

/// The one of these values that has this word.
func named<Value>(_ text: String, of values: [Value]) throws -> Value {
    try values.first { word($0) == text }.required("one of \(values.map(word)): \(text)")
}

extension JSON {
    /// Text, or null.
    init(_ text: String?) { self = text.map(JSON.text) ?? .null }
}
