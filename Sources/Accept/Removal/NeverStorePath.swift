import JSON

/// The path of a value that a source's setting keeps from being stored, such as `traits.ssn` or
/// `context.*.pin`.
///
/// The path names an event's parts as blueprints do: `*` stands for one name, and `[]` behind a
/// name for each element of a list. Paths of a webhook begin with `body`.
package struct NeverStorePath: Sendable, Equatable {
    /// The things that paths may name: an event that came over the API, or a webhook's body.
    package enum Vocabulary: Sendable { case event, webhook }

    /// The cause when a text is no such path.
    package struct Fault: Error, Sendable {
        package let message: String
        package let fix: String
    }

    enum Step: Equatable {
        case key(String)
        case any
        case elements
    }

    /// The path as it was written.
    package let text: String
    let steps: [Step]

    private init(text: String, steps: [Step]) {
        self.text = text
        self.steps = steps
    }

    private static let parts = ["properties", "traits", "context", "integrations"]
    /// The fields that say what an event is and whom it is about, in both spellings.
    private static let needed = [
        "type", "event", "name", "user_id", "anonymous_id", "previous_id", "group_id",
        "message_id", "userId", "anonymousId", "previousId", "groupId", "messageId",
    ]

    /// Reads a path.
    package init(_ text: String, in vocabulary: Vocabulary) throws(Fault) {
        var steps: [Step] = []
        for part in text.split(separator: ".", omittingEmptySubsequences: false) {
            var name = part
            var lists = 0
            while name.hasSuffix("[]") {
                name = name.dropLast(2)
                lists += 1
            }
            guard !name.isEmpty, !name.contains("["), !name.contains("]") else {
                throw Fault(
                    message: "\"\(text)\" is no path.",
                    fix: "Write names with one dot between two, and [] behind a list's name.")
            }
            steps.append(name == "*" ? .any : .key(String(name)))
            steps += Array(repeating: .elements, count: lists)
        }
        self.text = text
        self.steps = steps
        try check(text, in: vocabulary)
    }

    private func check(_ text: String, in vocabulary: Vocabulary) throws(Fault) {
        if case .key(let name) = steps[0], vocabulary == .event, Self.needed.contains(name) {
            throw Fault(
                message:
                    "\"\(name)\" says what the event is or whom it is about, and has to be stored.",
                fix:
                    "Let the sender leave it out, or name a value below properties, traits or context."
            )
        }
        switch (vocabulary, steps[0]) {
        case (.webhook, .key("body")) where steps.count > 1 && steps[1] != .elements: break
        case (.webhook, _):
            throw Fault(
                message: "\"\(text)\" is no place in a webhook.",
                fix: "Begin it with body, as the source's blueprint does: body.user.phone.")
        case (.event, .key(let name)) where Self.parts.contains(name): break
        case (.event, .any) where steps.count > 1: break
        default:
            throw Fault(
                message: "\"\(text)\" is no place whose value can be left out.",
                fix: "Begin it with properties, traits, context, integrations or *.")
        }
    }

    /// The paths by which an event holds what this one names: traits may stand in the context too.
    var spellings: [NeverStorePath] {
        guard steps.first == .key("traits") else { return [self] }
        return [self, NeverStorePath(text: text, steps: [.key("context")] + steps)]
    }

    /// The last name in it, by which it is known in a text that is not readable; nil when there
    /// is none but the first.
    var lastName: String? {
        steps.dropFirst().reversed().lazy.compactMap { step in
            if case .key(let name) = step { name } else { nil }
        }.first
    }

    /// True when the value at these keys, or one that holds it, is named by the path.
    package func covers(_ keys: [String]) -> Bool {
        steps.count <= keys.count
            && zip(steps, keys).allSatisfy { step, key in step == .any || step == .key(key) }
    }
}
