import JSON

/// The words in which consent tools say yes and no.
enum ConsentWords {
    private static let yes: Set = [
        "true", "yes", "y", "on", "1", "granted", "grant", "allowed", "allow", "accepted", "accept",
        "opted_in", "opted-in", "opt_in", "opt-in", "optin", "given",
    ]
    private static let no: Set = [
        "false", "no", "n", "off", "0", "denied", "deny", "disallowed", "refused", "rejected",
        "reject", "opted_out", "opted-out", "opt_out", "opt-out", "optout", "withdrawn", "revoked",
        "declined",
    ]
    /// The keys under which an answer that is an object says yes or no.
    private static let answerKeys: Set = [
        "granted", "status", "value", "consent", "allowed", "given", "accepted", "agreed", "state",
        "decision", "choice",
    ]

    /// Bytes of a key, quotes and blanks included, beyond which it is none of `answerKeys`.
    private static let longestAnswerKey = 16

    /// True for a key under which an object says yes or no as a whole.
    static func isAnswerKey(_ key: JSONValue) -> Bool {
        guard key.range.count <= longestAnswerKey, let text = key.string else { return false }
        return answerKeys.contains(folded(text))
    }

    /// A text in lower case, without blanks around it.
    static func folded(_ text: String) -> String {
        // Looking at characters is dear, and most texts are ASCII.
        guard text.utf8.allSatisfy({ $0 < 0x80 }) else {
            let start = text.drop(while: \.isWhitespace)
            return String(start.reversed().drop(while: \.isWhitespace).reversed()).lowercased()
        }
        func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }
        var bytes = Array(text.utf8.drop(while: isBlank))
        while let last = bytes.last, isBlank(last) { bytes.removeLast() }
        return String(decoding: bytes, as: UTF8.self).lowercased()
    }

    /// The yes or no that a text says; nil for any other text.
    static func answer(_ text: String) -> Bool? {
        let text = folded(text)
        if yes.contains(text) { return true }
        return no.contains(text) ? false : nil
    }

    /// The yes or no that a value says: a boolean, 0 or 1, a word, or an object with one of these.
    static func answer(_ value: JSONValue) -> Bool? {
        if let bool = value.bool { return bool }
        if let text = value.string ?? value.numberText { return answer(text) }
        guard value.kind == .object else { return nil }
        let said = value.members.filter { isAnswerKey($0.key) }.map { answer($0.value) }
        if said.isEmpty || said.contains(nil) { return nil }
        return !said.contains(false)
    }
}
