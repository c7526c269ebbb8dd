/// Writes JSON text straight into a byte buffer.
///
/// The caller keeps the nesting right; commas are the writer's business.
package struct JSONWriter: Sendable {
    package private(set) var bytes: [UInt8] = []
    /// Whether the next member or element needs a comma before it.
    private var needsComma = false

    package init(capacity: Int = 512) { bytes.reserveCapacity(capacity) }

    package var text: String { String(decoding: bytes, as: UTF8.self) }

    /// A place to come back to when what was begun turns out to be empty.
    package struct Mark: Sendable {
        fileprivate let count: Int
        fileprivate let needsComma: Bool
    }

    package var mark: Mark { Mark(count: bytes.count, needsComma: needsComma) }

    /// Forgets everything written since `mark`.
    package mutating func rewind(to mark: Mark) {
        bytes.removeSubrange(mark.count...)
        needsComma = mark.needsComma
    }

    package mutating func beginObject() { open(0x7B) }
    package mutating func endObject() { close(0x7D) }
    package mutating func beginArray() { open(0x5B) }
    package mutating func endArray() { close(0x5D) }

    /// Writes a member's key; the value must follow.
    package mutating func key(_ text: String) {
        separate()
        appendQuoted(text)
        bytes.append(0x3A)
        needsComma = false
    }

    /// Writes a member's key from bytes that are already quoted and escaped.
    package mutating func key(quoted: ArraySlice<UInt8>) {
        separate()
        bytes.append(contentsOf: quoted)
        bytes.append(0x3A)
        needsComma = false
    }

    package mutating func string(_ text: String) {
        separate()
        appendQuoted(text)
        needsComma = true
    }

    package mutating func integer(_ value: some BinaryInteger) { literal(String(value)) }

    package mutating func bool(_ value: Bool) { literal(value ? "true" : "false") }

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

    /// Writes a member when there is something to write.
    package mutating func member(_ name: String, _ text: String?) {
        guard let text else { return }
        key(name)
        string(text)
    }

    /// Writes a member when there is something to write.
    package mutating func member(_ name: String, _ value: Int?) {
        guard let value else { return }
        key(name)
        integer(value)
    }

    package mutating func member(_ name: String, _ value: Bool) {
        key(name)
        bool(value)
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
        if needsComma { bytes.append(0x2C) }
    }

    private mutating func appendQuoted(_ text: String) {
        bytes.append(0x22)
        var text = text
        text.withUTF8 { utf8 in
            // Most texts need no escapes.
            if utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x22 && $0 != 0x5C }) {
                bytes.append(contentsOf: utf8)
            } else {
                for byte in utf8 { appendEscaped(byte) }
            }
        }
        bytes.append(0x22)
    }

    private mutating func appendEscaped(_ byte: UInt8) {
        switch byte {
        case 0x22: bytes.append(contentsOf: [0x5C, 0x22])
        case 0x5C: bytes.append(contentsOf: [0x5C, 0x5C])
        case 0x0A: bytes.append(contentsOf: [0x5C, 0x6E])
        case 0x0D: bytes.append(contentsOf: [0x5C, 0x72])
        case 0x09: bytes.append(contentsOf: [0x5C, 0x74])
        case 0x00..<0x20:
            let hex = String(byte, radix: 16)
            bytes.append(contentsOf: Array("\\u00\(hex.count == 1 ? "0" : "")\(hex)".utf8))
        default: bytes.append(byte)
        }
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
