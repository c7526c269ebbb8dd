import Events
import JSON

/// The body of an order or of its answer; each kind is written and read in one file.
protocol OrderBody {
    /// Appends the members to an object that is open.
    func appendMembers(to writer: inout JSONWriter)

    /// Reads the members.
    ///
    /// - Throws: `bad_order` when one is missing or of another kind.
    init(json: JSONValue) throws(Problem)
}

extension OrderBody {
    /// The whole body: one JSON object.
    var bytes: [UInt8] {
        JSONWriter.make { writer in
            writer.beginObject()
            appendMembers(to: &writer)
            writer.endObject()
        }
    }

    /// Reads a whole body; an empty one is an object without members.
    ///
    /// - Throws: `bad_json` when it is no JSON object, `bad_order` when a member is wrong.
    init(bytes: [UInt8]) throws(Problem) {
        let root: JSONValue
        do {
            root = bytes.isEmpty ? JSONDocument.emptyObject.root : try JSONReader.read(bytes).root
        } catch {
            throw Problem(
                code: "bad_json", message: "The body is no JSON: \(error)",
                hint: "Send one JSON object.")
        }
        guard root.kind == .object else {
            throw Problem(
                code: "bad_json", message: "The body is no JSON object.",
                hint: "Send one JSON object.")
        }
        try self.init(json: root)
    }
}

/// A body without members.
struct NoMembers: OrderBody {
    init() {}
    init(json: JSONValue) throws(Problem) {}
    func appendMembers(to writer: inout JSONWriter) {}
}

extension JSONValue {
    /// The text of a member.
    func text(_ name: String) throws(Problem) -> String {
        guard let text = self[name]?.string else { throw Self.wrong(name, "a text") }
        return text
    }

    /// The whole number of a member.
    func integer(_ name: String) throws(Problem) -> Int {
        guard let number = self[name]?.integer else { throw Self.wrong(name, "a whole number") }
        return number
    }

    /// The number of a member.
    func number(_ name: String) throws(Problem) -> Double {
        guard let number = self[name]?.double else { throw Self.wrong(name, "a number") }
        return number
    }

    /// The truth value of a member.
    func truth(_ name: String) throws(Problem) -> Bool {
        guard let value = self[name]?.bool else { throw Self.wrong(name, "true or false") }
        return value
    }

    /// The elements of a member that is an array.
    func array(_ name: String) throws(Problem) -> [JSONValue] {
        guard let value = self[name], value.kind == .array else {
            throw Self.wrong(name, "an array")
        }
        return Array(value.elements)
    }

    /// The texts of a member that is an array of texts.
    func texts(_ name: String) throws(Problem) -> [String] {
        let elements = try array(name)
        let texts = elements.compactMap(\.string)
        guard texts.count == elements.count else { throw Self.wrong(name, "an array of texts") }
        return texts
    }

    static func wrong(_ name: String, _ expected: String) -> Problem {
        Problem(
            code: "bad_order", message: "The member \"\(name)\" must be \(expected).",
            hint: "Correct the body of the order.")
    }
}
