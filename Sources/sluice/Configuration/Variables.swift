import Events
import JSON

/// Replaces `${NAME}` and `${NAME:-default}` inside the strings of a configuration file.
struct Variables {
    let environment: [String: String]
    /// A missing variable is empty instead of an error.
    var isLenient = false

    /// The text with its variables replaced; a missing one without default is reported.
    func expand(_ value: ConfigurationValue, _ what: String) -> String? {
        guard let text = value.string(what) else { return nil }
        var result = ""
        var rest = text[...]
        while let start = rest.firstRange(of: "${") {
            result += rest[..<start.lowerBound]
            guard let end = rest[start.upperBound...].firstIndex(of: "}") else {
                value.report(
                    "\"${\" has no closing brace.", fix: "Write ${NAME} or ${NAME:-default}.")
                return nil
            }
            guard let found = replacement(String(rest[start.upperBound..<end]), value) else {
                return nil
            }
            result += found
            rest = rest[rest.index(after: end)...]
        }
        return result + rest
    }

    /// A JSON value with the variables in all its strings replaced, as text.
    func expand(json value: ConfigurationValue) -> [UInt8] {
        JSONWriter.make { write(value, to: &$0) }
    }

    private func write(_ value: ConfigurationValue, to writer: inout JSONWriter) {
        switch value.json.kind {
        case .string: writer.string(expand(value, "A text") ?? "")
        case .object:
            writer.beginObject()
            for (key, member) in value.members("A value") {
                writer.key(key)
                write(member, to: &writer)
            }
            writer.endObject()
        case .array:
            writer.beginArray()
            for element in value.elements("A value") { write(element, to: &writer) }
            writer.endArray()
        default: writer.value(value.json)
        }
    }

    private func replacement(_ text: String, _ value: ConfigurationValue) -> String? {
        let parts = text.firstRange(of: ":-").map { range in
            (String(text[..<range.lowerBound]), String(text[range.upperBound...]))
        }
        let name = parts?.0 ?? text
        if let found = environment[name], !found.isEmpty { return found }
        if let fallback = parts?.1 { return fallback }
        if isLenient { return "" }
        value.report(
            "The environment variable \(name) is not set.", fix: "Set it: export \(name)=…")
        return nil
    }
}
