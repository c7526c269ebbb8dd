import Crypto
import Events
import JSON

/// The closed set of changes a mapping can make to a value on its way.
package enum Transform: String, Sendable, CaseIterable {
    case string, number, integer, boolean, trim, lowercase, uppercase, sha256
    /// Needs `format`, a date pattern; the result is in UTC.
    case date
    case iso8601
    case epochSeconds = "epoch_seconds"
    case epochMilliseconds = "epoch_milliseconds"
    case jsonEncode = "json_encode"
}

/// A value that a transform cannot work on.
struct TransformFault: Error {
    let message: String
}

extension Transform {
    /// The changed value; null stays null.
    func apply(_ value: Found, format: DatePattern?) throws(TransformFault) -> Found {
        if value.isNull { return value }
        switch self {
        case .date:
            let moment = try moment(value)
            return .text(format?.format(moment) ?? moment.iso8601)
        case .iso8601: return .text(try moment(value).iso8601)
        case .epochSeconds: return raw(String(try moment(value).milliseconds / 1000))
        case .epochMilliseconds: return raw(String(try moment(value).milliseconds))
        case .jsonEncode:
            if case .json(let json) = value {
                return .text(String(decoding: json.raw, as: UTF8.self))
            }
            return value
        default: return try applyToText(value)
        }
    }

    private func applyToText(_ value: Found) throws(TransformFault) -> Found {
        guard let text = value.text else {
            throw TransformFault(
                message: "\(rawValue) needs a text or number, not a list or object")
        }
        switch self {
        case .trim: return .text(String(text.withoutOuterBlanks))
        case .lowercase: return .text(text.lowercased())
        case .uppercase: return .text(text.uppercased())
        case .sha256:
            return .text(hexadecimal(SHA256.hash(data: Array(text.utf8))))
        case .number: return try number(String(text.withoutOuterBlanks))
        case .integer:
            guard let number = Double(String(text.withoutOuterBlanks)), abs(number) < 9e15 else {
                throw TransformFault(message: "\"\(text.prefix(40))\" is no whole number")
            }
            return raw(String(Int64(number.rounded(.towardZero))))
        case .boolean: return try boolean(text)
        default: return .text(text)
        }
    }

    /// Keeps the number's own text: `1.10` stays `1.10`.
    private func number(_ text: String) throws(TransformFault) -> Found {
        if let document = try? JSONReader.read(text: text), document.root.kind == .number {
            return .json(document.root)
        }
        throw TransformFault(message: "\"\(text.prefix(40))\" is no number")
    }

    private func boolean(_ text: String) throws(TransformFault) -> Found {
        switch text.lowercased() {
        case "true", "yes", "1", "on": return raw("true")
        case "false", "no", "0", "off", "": return raw("false")
        default: throw TransformFault(message: "\"\(text.prefix(40))\" is neither yes nor no")
        }
    }

    private func moment(_ value: Found) throws(TransformFault) -> Timestamp {
        if case .moment(let moment) = value { return moment }
        guard let text = value.text else {
            throw TransformFault(message: "\(rawValue) needs a date")
        }
        if let moment = Timestamp(reading: text) { return moment }
        throw TransformFault(message: "\"\(text.prefix(40))\" is no date")
    }

    private func raw(_ text: String) -> Found { .raw(Array(text.utf8)) }
}
