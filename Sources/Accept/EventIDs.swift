import Events
import JSON

/// The ids of an event's person and group, as all of Sluice compares them.
///
/// One id has one spelling: outer blanks are removed, and a whole number has the digits of an
/// integer, because some languages write `123.0` or `1.23e2` for it. Texts are otherwise left as
/// they are. A placeholder such as `guest` is no id; it is marked and treated as absent.
struct EventIDs {
    private(set) var user: String?
    private(set) var anonymous: String?
    private(set) var previous: String?
    private(set) var group: String?
    /// The first placeholder that was found, with the field it stood in.
    private(set) var placeholder: (field: String, text: String)?

    /// An id as the event gives it.
    struct Given {
        let value: JSONValue?
        /// The name of the field for people, such as `userId`.
        let field: String
    }

    /// Reads the ids, and marks the placeholders among them.
    init(
        user: Given, anonymous: Given, previous: Given, group: Given,
        placeholders: PlaceholderIDs, limits: AcceptLimits, marks: inout [Event.Mark]
    ) throws(Problem) {
        func read(_ given: Given) throws(Problem) -> String? {
            guard let value = given.value else { return nil }
            guard let text = value.string ?? value.numberText.map(Self.integerText(ofNumber:))
            else { throw Self.notText(given.field) }
            let id = text.withoutOuterBlanks
            if placeholders.contains(id) {
                let shown = id.isEmpty ? text : String(id)
                marks.append(Event.Mark(.placeholderID, value: "\(given.field):\(shown)"))
                if placeholder == nil { placeholder = (given.field, shown) }
                return nil
            }
            try Self.check(id, named: given.field, shorterThan: limits.identifierLength)
            return id.utf8.count == text.utf8.count ? text : String(id)
        }
        self.user = try read(user)
        self.anonymous = try read(anonymous)
        self.previous = try read(previous)
        self.group = try read(group)
    }

    /// Refuses an id that is too long, or that holds NUL.
    static func check(
        _ id: Substring, named field: String, shorterThan length: Int
    ) throws(Problem) {
        guard id.hasFewerScalars(than: length), !id.utf8.contains(0) else {
            throw Problem(
                code: "id_too_long",
                message: "\"\(field)\" must be shorter than \(length) characters, without NUL.",
                hint: "Send a shorter id.")
        }
    }

    /// The problem of an id that is neither text nor number.
    static func notText(_ field: String) -> Problem {
        Problem(
            code: "id_not_string", message: "\"\(field)\" is not a string.",
            hint: "Send ids as strings.")
    }

    /// Characters of a number that is read, and digits that it may come to; larger ones are no ids
    /// and stay as they came.
    private static let mostDigits = 64

    /// The text of a JSON number, as an integer when it is a whole one: `123` for `1.230e2`.
    private static func integerText(ofNumber text: String) -> String {
        let bytes = text.utf8
        if bytes.allSatisfy(\.isASCIIDigit) { return text }
        guard bytes.count <= mostDigits else { return text }
        let isNegative = text.hasPrefix("-")
        let parts = text.dropFirst(isNegative ? 1 : 0).split { $0 == "e" || $0 == "E" }
        let mantissa = parts[0].split(separator: ".")
        var digits = mantissa.joined()
        guard let exponent = parts.count == 2 ? Int32(parts[1]).map({ Int($0) }) : 0
        else { return text }
        let shift = exponent - (mantissa.count == 2 ? mantissa[1].utf8.count : 0)
        while digits.utf8.count > 1, digits.hasPrefix("0") { digits.removeFirst() }
        if digits.allSatisfy({ $0 == "0" }) { return "0" }
        guard digits.utf8.count + max(shift, 0) <= mostDigits else { return text }
        if shift > 0 {
            digits += String(repeating: "0", count: shift)
        } else {
            guard digits.utf8.count > -shift, digits.suffix(-shift).allSatisfy({ $0 == "0" })
            else { return text }
            digits.removeLast(-shift)
        }
        return (isNegative ? "-" : "") + digits
    }
}
