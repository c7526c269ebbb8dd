/// Writes JSON text straight into a byte buffer.
///
/// The caller keeps the nesting right; the writer sets the commas.
package struct JSONWriter: Sendable {
    /// The text so far, in UTF-8.
    package private(set) var bytes: [UInt8] = []
    /// True when the next member or element needs a comma before it.
    private var needsComma = false

    /// A writer with nothing written.
    ///
    /// - Parameter capacity: bytes that can be written before the buffer has to grow.
    package init(capacity: Int = 512) { bytes.reserveCapacity(capacity) }

    /// The text so far.
    package var text: String { String(decoding: bytes, as: UTF8.self) }

    /// A place in the text, to come back to when what was begun turns out to be empty.
    package struct Mark: Sendable {
        fileprivate let count: Int
        fileprivate let needsComma: Bool
    }

    /// The place where the next value would be written.
    package var mark: Mark { Mark(count: bytes.count, needsComma: needsComma) }

    /// Removes everything written since `mark`.
    package mutating func rewind(to mark: Mark) {
        bytes.removeSubrange(mark.count...)
        needsComma = mark.needsComma
    }

    /// Opens an object; its members follow.
    package mutating func beginObject() { open(UInt8(ascii: "{")) }
    /// Closes the object that was opened last.
    package mutating func endObject() { close(UInt8(ascii: "}")) }
    /// Opens an array; its elements follow.
    package mutating func beginArray() { open(UInt8(ascii: "[")) }
    /// Closes the array that was opened last.
    package mutating func endArray() { close(UInt8(ascii: "]")) }

    /// Writes a member's key; the value must follow.
    package mutating func key(_ text: String) {
        separate()
        appendQuoted(text)
        bytes.append(UInt8(ascii: ":"))
        needsComma = false
    }

    /// Writes a member's key from bytes that are already quoted and escaped.
    package mutating func key(quoted: ArraySlice<UInt8>) {
        separate()
        bytes.append(contentsOf: quoted)
        bytes.append(UInt8(ascii: ":"))
        needsComma = false
    }

    /// Writes a string, quoted and escaped.
    package mutating func string(_ text: String) {
        separate()
        appendQuoted(text)
        needsComma = true
    }

    /// Writes a whole number.
    package mutating func integer(_ value: some BinaryInteger) { literal(String(value)) }

    /// Writes `true` or `false`.
    package mutating func bool(_ value: Bool) { literal(value ? "true" : "false") }

    /// Writes `null`.
    package mutating func null() { literal("null") }

    private mutating func literal(_ text: String) {
        separate()
        bytes.append(contentsOf: text.utf8)
        needsComma = true
    }

    /// Copies a value that is already JSON.
    package mutating func value(_ value: JSONValue) {
        separate()
        let range = value.range
        value.document.bytes.withUnsafeBufferPointer { bytes.append(contentsOf: $0[range]) }
        needsComma = true
    }

    /// Copies bytes that are already one JSON value.
    package mutating func raw(_ json: ArraySlice<UInt8>) {
        separate()
        bytes.append(contentsOf: json)
        needsComma = true
    }

    /// Writes a member whose value is a string; nothing when it is nil.
    package mutating func member(_ name: String, _ text: String?) {
        guard let text else { return }
        key(name)
        string(text)
    }

    /// Writes a member whose value is a whole number; nothing when it is nil.
    package mutating func member(_ name: String, _ value: Int?) {
        guard let value else { return }
        key(name)
        integer(value)
    }

    /// Writes a member whose value is `true` or `false`.
    package mutating func member(_ name: String, _ value: Bool) {
        key(name)
        bool(value)
    }

    /// Writes an array with one object for each element.
    ///
    /// - Parameter members: writes what the object of an element holds.
    package mutating func objects<Element>(
        of elements: some Sequence<Element>, members: (Element, inout JSONWriter) -> Void
    ) {
        beginArray()
        for element in elements {
            beginObject()
            members(element, &self)
            endObject()
        }
        endArray()
    }

    /// Writes a member whose value is an array with one object for each element.
    ///
    /// - Parameter members: writes what the object of an element holds.
    package mutating func member<Element>(
        _ name: String, objectsOf elements: some Sequence<Element>,
        members: (Element, inout JSONWriter) -> Void
    ) {
        key(name)
        objects(of: elements, members: members)
    }

    /// Writes a member that is an array of texts.
    package mutating func member(_ name: String, _ texts: [String]) {
        key(name)
        beginArray()
        for text in texts { string(text) }
        endArray()
    }

    private mutating func open(_ bracket: UInt8) {
        separate()
        bytes.append(bracket)
        needsComma = false
    }

    private mutating func close(_ bracket: UInt8) {
        bytes.append(bracket)
        needsComma = true
    }

    private mutating func separate() {
        if needsComma { bytes.append(UInt8(ascii: ",")) }
    }

    private mutating func appendQuoted(_ text: String) {
        bytes.append(UInt8(ascii: "\""))
        var text = text
        text.withUTF8 { utf8 in
            // Most texts need no escapes.
            if utf8.allSatisfy({
                $0 >= 0x20 && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\")
            }) {
                bytes.append(contentsOf: utf8)
            } else {
                for byte in utf8 { appendEscaped(byte) }
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }

    private mutating func appendEscaped(_ byte: UInt8) {
        switch byte {
        case UInt8(ascii: "\""): append("\\\"")
        case UInt8(ascii: "\\"): append("\\\\")
        case UInt8(ascii: "\n"): append("\\n")
        case UInt8(ascii: "\r"): append("\\r")
        case UInt8(ascii: "\t"): append("\\t")
        case 0x00..<0x20:
            let hex = String(byte, radix: 16)
            bytes.append(contentsOf: Array("\\u00\(hex.count == 1 ? "0" : "")\(hex)".utf8))
        default: bytes.append(byte)
        }
    }

    private mutating func append(_ text: StaticString) {
        text.withUTF8Buffer { bytes.append(contentsOf: $0) }
    }
}

extension JSONWriter {
    /// The one JSON value that `write` produces.
    package static func make(_ write: (inout JSONWriter) -> Void) -> [UInt8] {
        var writer = JSONWriter()
        write(&writer)
        return writer.bytes
    }
}

extension JSONValue {
    /// The value laid out over several lines, for people.
    package func pretty(indent: String = "") -> String {
        let deeper = indent + "  "
        switch kind {
        case .object where !isEmpty:
            let lines = members.map { member in
                deeper + String(decoding: member.key.raw, as: UTF8.self) + ": "
                    + member.value.pretty(indent: deeper)
            }
            return "{\n" + lines.joined(separator: ",\n") + "\n\(indent)}"
        case .array where !isEmpty:
            let lines = elements.map { deeper + $0.pretty(indent: deeper) }
            return "[\n" + lines.joined(separator: ",\n") + "\n\(indent)]"
        default: return String(decoding: raw, as: UTF8.self)
        }
    }
}
