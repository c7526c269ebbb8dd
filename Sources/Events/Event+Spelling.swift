import JSON

/// The spellings under which earlier versions kept a person whose identifier is read otherwise now.
///
/// What restricts a person under such a spelling holds for ever, so it is looked up too.
extension Event {
    /// The user id as it came; nil when it is the one that counts.
    package var userIDAsItCame: String? {
        guard let userID else { return nil }
        let given: JSONValue? = document.root[Self.userIDKeys.0] ?? document.root[Self.userIDKeys.1]
        return Self.text(of: given, not: userID)
    }

    /// The previous id of an alias as it came; nil when it is the one that counts.
    package var previousIDAsItCame: String? {
        guard let previousID else { return nil }
        let keys = Self.previousIDKeys
        return Self.text(of: document.root[keys.0] ?? document.root[keys.1], not: previousID)
    }

    /// The email as it came; nil when it is the address that counts.
    package func emailAsItCame(not address: String) -> String? {
        // The traits of a group are not the person's.
        let value = type == .group ? contextTraits?["email"] : trait("email")
        return Self.text(of: value, not: address)
    }

    private static let userIDKeys: (JSONKey, JSONKey) = ("userId", "user_id")
    private static let previousIDKeys: (JSONKey, JSONKey) = ("previousId", "previous_id")

    private static func text(of value: JSONValue?, not known: String) -> String? {
        guard let value else { return nil }
        // A string with as many bytes is the known text: reading only takes away, or joins escapes.
        if value.kind == .string, value.range.count == known.utf8.count + 2 { return nil }
        guard let text = value.string ?? value.numberText, text != known else { return nil }
        return text
    }
}
