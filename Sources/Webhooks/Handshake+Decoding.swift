import Events
import JSON

extension Handshake {
    /// Reads `handshakes`; faults are reported with their place.
    static func all(_ value: ConfigurationValue) -> [Handshake] {
        let elements = value.elements("\"handshakes\"")
        if elements.count > limit {
            value.report(
                "There are \(elements.count) handshakes; \(limit) are allowed.",
                fix: "Keep those that the service asks.")
        }
        return elements.compactMap { Handshake($0) }
    }

    private init?(_ value: ConfigurationValue) {
        value.refuseUnknownKeys(
            ["method", "when", "token", "echo", "description"], in: "A handshake")
        guard let given = value["method"] else {
            value.report(
                "A handshake needs a \"method\".", fix: "Write \"GET\", \"HEAD\" or \"POST\".")
            return nil
        }
        guard let method = given.word("\"method\"", as: Method.self) else { return nil }
        if method == .post, value["when"] == nil {
            value.report(
                "A handshake by POST without \"when\" would answer every webhook.",
                fix: "Write such as \"when\": {\"body\": \"type\", \"is\": \"url_verification\"}.")
        }
        if method == .head, let echo = value["echo"] {
            echo.report(
                "The answer to HEAD has no body.", fix: "Leave \"echo\" out, or write \"GET\".")
        }
        let condition = value["when"]
        self.init(
            method: method,
            subject: condition.flatMap {
                Self.place($0, "\"when\"", allowing: ["is"], method: method)
            },
            text: condition?["is"]?.string("\"is\""),
            token: value["token"].flatMap { Self.place($0, "\"token\"", method: method) },
            echo: value["echo"].flatMap { Self.place($0, "\"echo\"", method: method) })
    }

    /// A place, written as an object with one of the keys `query`, `header` and `body`.
    private static func place(
        _ value: ConfigurationValue, _ what: String, allowing more: [String] = [],
        method: Method
    ) -> Place? {
        let kinds = ["query", "header", "body"]
        value.refuseUnknownKeys(kinds + more, in: what)
        let given = kinds.filter { value[$0] != nil }
        guard given.count == 1, let kind = given.first, let name = value[kind] else {
            value.report(
                "\(what) has to name one place.",
                fix: "Give one of \"query\", \"header\" and \"body\".")
            return nil
        }
        guard let text = name.string("\"\(kind)\"") else { return nil }
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard !text.isEmpty, kind != "body" || parts.allSatisfy({ !$0.isEmpty }) else {
            name.report(
                "\"\(text)\" names no place.", fix: "Write names with one dot between them.")
            return nil
        }
        switch kind {
        case "query": return .query(text)
        case "header": return .header(text)
        default:
            if method != .post {
                name.report("\(method.rawValue) has no body.", fix: "Look at the query.")
            }
            return .body(parts.map { JSONKey(String($0)) })
        }
    }
}
