/// A value inside a `JSONDocument`; cheap to copy.
package struct JSONValue: Sendable {
    /// The document that the value is part of.
    package let document: JSONDocument
    /// The number of the value's node: small, and enough to find it in its document again.
    package let index: Int

    /// The value that `index` named in the same document before.
    package init(document: JSONDocument, index: Int) {
        self.document = document
        self.index = index
    }

    var node: JSONNode { document.nodes[index] }

    /// The index of the node after this value and all that is in it.
    var nextIndex: Int { Int(node.next) }

    /// The six kinds of JSON value.
    package enum Kind: String, Sendable { case object, array, string, number, boolean, null }

    /// The kind of this value.
    package var kind: Kind {
        switch node.kind {
        case .object: .object
        case .array: .array
        case .string, .key: .string
        case .number: .number
        case .yes, .no: .boolean
        case .null: .null
        }
    }

    /// True for `null`.
    package var isNull: Bool { node.kind == .null }

    /// Offset of the value's first byte (of a string: its quote), for error positions.
    package var offset: Int { range.lowerBound }

    /// The range of the value's bytes in its document, quotes included.
    package var range: Range<Int> {
        let quote = node.kind == .string || node.kind == .key ? 1 : 0
        return Int(node.start) - quote..<Int(node.end) + quote
    }

    /// The value's own bytes as they came, quotes included.
    package var raw: ArraySlice<UInt8> { document.bytes[range] }

    /// The decoded text of a string; nil for every other kind.
    package var string: String? {
        guard node.kind == .string || node.kind == .key else { return nil }
        let slice = document.bytes[Int(node.start)..<Int(node.end)]
        return String(decoding: node.escaped ? unescape(slice)[...] : slice, as: UTF8.self)
    }

    /// The text of a number exactly as it was written; nil for every other kind.
    package var numberText: String? {
        node.kind == .number ? String(decoding: raw, as: UTF8.self) : nil
    }

    /// An identifier: a string, or a number's text; nil when empty or anything else.
    package var identifier: String? {
        guard let text = string ?? numberText, !text.isEmpty else { return nil }
        return text
    }

    /// A whole number that fits; nil for every other value.
    package var integer: Int? { numberText.flatMap { Int($0) } }

    /// The nearest number that the machine has; nil when this is no number.
    package var double: Double? { numberText.flatMap { Double($0) } }

    /// The value of `true` or `false`; nil for every other kind.
    package var bool: Bool? {
        switch node.kind {
        case .yes: true
        case .no: false
        default: nil
        }
    }

    /// The value under `key` of an object; nil when this is no object or has no such key.
    @_disfavoredOverload
    package subscript(key: String) -> JSONValue? { self[JSONKey(key)] }

    /// The value under a prepared key; compares a hash, then bytes, and allocates nothing.
    package subscript(key: JSONKey) -> JSONValue? {
        key.bytes.withUnsafeBufferPointer { member($0, hash: key.hash) }
    }

    /// The value under a key that is written in the program; allocates nothing either.
    package subscript(key: StaticString) -> JSONValue? {
        key.withUTF8Buffer { member($0, hash: jsonKeyHash($0)) }
    }

    private func member(_ key: UnsafeBufferPointer<UInt8>, hash: UInt32) -> JSONValue? {
        document.member(key, hash: hash, of: index).map {
            JSONValue(document: document, index: $0)
        }
    }

    /// The members of an object in the order they came; none for every other kind.
    package var members: JSONMembers { JSONMembers(self) }

    /// The elements of an array; empty for every other kind.
    package var elements: [JSONValue] {
        guard node.kind == .array else { return [] }
        var result: [JSONValue] = []
        var child = index + 1
        while child < Int(node.next) {
            let value = JSONValue(document: document, index: child)
            result.append(value)
            child = Int(value.node.next)
        }
        return result
    }

    /// True for an object or an array with nothing in it.
    package var isEmpty: Bool { Int(node.next) == index + 1 }

    /// True for `[]`, which PHP writes for an empty object too.
    package var isEmptyArray: Bool { node.kind == .array && isEmpty }

    /// Compares two values: same keys in any order, same number text, same decoded strings.
    package func equals(_ other: JSONValue) -> Bool {
        switch (kind, other.kind) {
        case (.object, .object):
            return members.count == other.members.count
                && members.allSatisfy { member in
                    guard let text = member.key.string, let theirs = other[text] else {
                        return false
                    }
                    return member.value.equals(theirs)
                }
        case (.array, .array):
            let mine = elements
            let theirs = other.elements
            return mine.count == theirs.count && zip(mine, theirs).allSatisfy { $0.equals($1) }
        case (.string, .string): return string == other.string
        case (.number, .number): return numberText == other.numberText
        default: return kind == other.kind && bool == other.bool
        }
    }
}

/// The members of an object, one after the other; nothing is copied.
package struct JSONMembers: Sequence, IteratorProtocol, Sendable {
    private let document: JSONDocument
    /// The index of the next key's node.
    private var index: Int
    private let end: Int

    fileprivate init(_ value: JSONValue) {
        document = value.document
        index = value.index + 1
        end = value.node.kind == .object ? value.nextIndex : index
    }

    /// The members of an empty object: none.
    package static let empty = JSONDocument.emptyObject.root.members

    /// The number of members from here on; each is stepped over.
    package var count: Int { reduce(0) { count, _ in count + 1 } }

    /// The next member: its key and its value; nil after the last.
    package mutating func next() -> (key: JSONValue, value: JSONValue)? {
        guard index < end else { return nil }
        let key = JSONValue(document: document, index: index)
        let value = JSONValue(document: document, index: index + 1)
        index = value.nextIndex
        return (key, value)
    }
}
