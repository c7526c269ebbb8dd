#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// A strictly parsed JSON text: the bytes as they came, and a flat index over them.
///
/// Numbers and strings are never rewritten: a value is a slice of `bytes`, so `1.10` stays `1.10`
/// and a 42-digit integer stays whole. Immutable, and therefore free to share between threads.
package final class JSONDocument: Sendable {
    package let bytes: [UInt8]
    let nodes: [JSONNode]
    /// Of objects with many keys: their keys' nodes by hash; by the object's node.
    private let wide: [Int: [UInt32]]

    init(bytes: [UInt8], nodes: [JSONNode], wide: [Int: [UInt32]] = [:]) {
        self.bytes = bytes
        self.nodes = nodes
        self.wide = wide
    }

    /// The outermost value.
    package var root: JSONValue { JSONValue(document: self, index: 0) }

    /// The value that keys lead to, one inside the other; nil when one of them is not there.
    ///
    /// - Parameter start: where to begin; the outermost value when it is nil.
    package func value(at keys: [JSONKey], from start: JSONValue? = nil) -> JSONValue? {
        var index = start?.index ?? 0
        for key in keys {
            let next = key.bytes.withUnsafeBufferPointer { member($0, hash: key.hash, of: index) }
            guard let next else { return nil }
            index = next
        }
        return JSONValue(document: self, index: index)
    }

    /// The index of the value under a key of an object; nil when there is none.
    fileprivate func member(
        _ key: UnsafeBufferPointer<UInt8>, hash: UInt32, of index: Int
    ) -> Int? {
        if !wide.isEmpty, let keys = wide[index] { return member(key, hash: hash, among: keys) }
        return nodes.withUnsafeBufferPointer { nodes in
            guard nodes[index].kind == .object else { return nil }
            var child = index + 1
            let end = Int(nodes[index].next)
            while child < end {
                if nodes[child].next == hash, matches(nodes[child], key) { return child + 1 }
                child = Int(nodes[child + 1].next)
            }
            return nil
        }
    }

    /// The same for an object with many keys: the first of that hash, and those that share it.
    private func member(
        _ key: UnsafeBufferPointer<UInt8>, hash: UInt32, among keys: [UInt32]
    ) -> Int? {
        let first = keys.partitionIndex { nodes[Int($0)].next < hash }
        return keys[first...].prefix { nodes[Int($0)].next == hash }
            .first { matches(nodes[Int($0)], key) }.map { Int($0) + 1 }
    }

    func matches(_ node: JSONNode, _ key: UnsafeBufferPointer<UInt8>) -> Bool {
        let range = Int(node.start)..<Int(node.end)
        if node.escaped { return unescape(bytes[range]).elementsEqual(key) }
        return bytes.withUnsafeBufferPointer { holds(key, $0, at: range) }
    }

    private func holds(
        _ key: UnsafeBufferPointer<UInt8>, _ bytes: UnsafeBufferPointer<UInt8>,
        at range: Range<Int>
    ) -> Bool {
        guard range.count == key.count else { return false }
        guard let mine = bytes.baseAddress, let theirs = key.baseAddress else {
            return key.isEmpty
        }
        return memcmp(mine + range.lowerBound, theirs, key.count) == 0
    }

    /// A copy of one value as a document of its own; nothing is read again.
    package init(copying value: JSONValue) {
        let range = value.range
        let first = value.index
        let start = UInt32(range.lowerBound)
        bytes = Array(value.document.bytes[range])
        let all = value.document.nodes[first..<value.nextIndex]
        nodes = all.map { node in
            JSONNode(
                kind: node.kind, escaped: node.escaped, start: node.start - start,
                end: node.end - start,
                next: node.kind == .key ? node.next : node.next - UInt32(first))
        }
        let outer = value.document.wide
        var inside: [Int: [UInt32]] = [:]
        if !outer.isEmpty {
            for (index, node) in nodes.enumerated() where node.kind == .object {
                inside[index] = outer[first + index]?.map { $0 - UInt32(first) }
            }
        }
        wide = inside
    }

    /// An empty object, for what has no body of its own.
    package static let emptyObject = JSONDocument(
        bytes: [0x7B, 0x7D],
        nodes: [JSONNode(kind: .object, escaped: false, start: 0, end: 2, next: 1)])
}

/// One entry of the flat index; 16 bytes.
///
/// A container's children follow it directly.
struct JSONNode: Sendable {
    enum Kind: UInt8, Sendable { case object, array, string, number, yes, no, null, key }
    let kind: Kind
    /// A string or key that contains a backslash and must be decoded before it is compared.
    let escaped: Bool
    /// Byte range; strings and keys without their quotes.
    let start: UInt32
    var end: UInt32
    /// Index of the node after this one's subtree; a key holds the hash of its text instead.
    var next: UInt32
}

/// A value inside a `JSONDocument`.
///
/// Cheap to copy.
package struct JSONValue: Sendable {
    package let document: JSONDocument
    /// The number of the value's node: small, and enough to find it in its document again.
    package let index: Int

    /// The value that `index` named in the same document before.
    package init(document: JSONDocument, index: Int) {
        self.document = document
        self.index = index
    }

    var node: JSONNode { document.nodes[index] }

    /// The node after this value's last one.
    fileprivate var nextIndex: Int { Int(node.next) }

    /// The six kinds of JSON value.
    package enum Kind: String, Sendable { case object, array, string, number, boolean, null }

    /// Which of the six kinds this is.
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

    package var isNull: Bool { node.kind == .null }

    /// Offset of the value's first byte (of a string: its quote), for error positions.
    package var offset: Int { range.lowerBound }

    /// Where the value stands in its document, quotes included.
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

    package var integer: Int? { numberText.flatMap { Int($0) } }

    package var double: Double? { numberText.flatMap { Double($0) } }

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

    /// The value under a prepared key: compares a hash and then bytes, and allocates nothing.
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

    /// Whether an object or array holds anything.
    package var isEmpty: Bool { Int(node.next) == index + 1 }

    /// Equal in value: same keys in any order, same number text, same decoded strings.
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
    /// Where the next key stands.
    private var index: Int
    private let end: Int

    fileprivate init(_ value: JSONValue) {
        document = value.document
        index = value.index + 1
        end = value.node.kind == .object ? value.nextIndex : index
    }

    /// Those of an empty object.
    package static let empty = JSONDocument.emptyObject.root.members

    /// How many there are.
    package var count: Int { reduce(0) { count, _ in count + 1 } }

    package mutating func next() -> (key: JSONValue, value: JSONValue)? {
        guard index < end else { return nil }
        let key = JSONValue(document: document, index: index)
        let value = JSONValue(document: document, index: index + 1)
        index = value.nextIndex
        return (key, value)
    }
}

/// The decoded form of a string's bytes; the reader has already checked every escape.
func unescape(_ slice: ArraySlice<UInt8>) -> [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(slice.count)
    var at = slice.startIndex
    while at < slice.endIndex {
        guard slice[at] == 0x5C else {
            result.append(slice[at])
            at += 1
            continue
        }
        let escape = slice[at + 1]
        at += 2
        guard escape == 0x75 else {
            result.append(unescaped(escape))
            continue
        }
        var scalar = hexUnit(slice, at)
        at += 4
        if (0xD800..<0xDC00).contains(scalar) {
            scalar = 0x10000 + (scalar - 0xD800) << 10 + (hexUnit(slice, at + 2) - 0xDC00)
            at += 6
        }
        result.append(contentsOf: String(UnicodeScalar(scalar) ?? "\u{FFFD}").utf8)
    }
    return result
}

private func unescaped(_ escape: UInt8) -> UInt8 {
    switch escape {
    case 0x62: 0x08
    case 0x66: 0x0C
    case 0x6E: 0x0A
    case 0x72: 0x0D
    case 0x74: 0x09
    default: escape
    }
}

private func hexUnit(_ slice: ArraySlice<UInt8>, _ at: Int) -> UInt32 {
    var value: UInt32 = 0
    for offset in 0..<4 { value = value << 4 | UInt32(hexDigit(slice[at + offset]) ?? 0) }
    return value
}

/// The value of a hexadecimal digit, or nil.
func hexDigit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case 0x30...0x39: byte - 0x30
    case 0x41...0x46: byte - 0x37
    case 0x61...0x66: byte - 0x57
    default: nil
    }
}
