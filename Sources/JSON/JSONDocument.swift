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
    /// The text, in UTF-8.
    package let bytes: [UInt8]
    let nodes: [JSONNode]
    /// The keys' nodes of each object with many keys, sorted by hash; by the object's node.
    private let wide: [Int: [UInt32]]

    init(bytes: [UInt8], nodes: [JSONNode], wide: [Int: [UInt32]] = [:]) {
        self.bytes = bytes
        self.nodes = nodes
        self.wide = wide
    }

    /// The outermost value.
    package var root: JSONValue { JSONValue(document: self, index: 0) }

    /// The value at the end of a path of keys; nil when one of them is not there.
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
    func member(
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

    /// The index of the value under a key of an object with many keys, which are sorted by hash.
    private func member(
        _ key: UnsafeBufferPointer<UInt8>, hash: UInt32, among keys: [UInt32]
    ) -> Int? {
        let first = keys.partitionIndex { nodes[Int($0)].next < hash }
        return keys[first...].prefix { nodes[Int($0)].next == hash }
            .first { matches(nodes[Int($0)], key) }.map { Int($0) + 1 }
    }

    /// True when a key's decoded text is this one.
    func matches(_ node: JSONNode, _ key: UnsafeBufferPointer<UInt8>) -> Bool {
        let range = Int(node.start)..<Int(node.end)
        if node.escaped { return unescape(bytes[range]).elementsEqual(key) }
        return bytes.withUnsafeBufferPointer { bytesAreEqual(key, $0, at: range) }
    }

    private func bytesAreEqual(
        _ key: UnsafeBufferPointer<UInt8>, _ bytes: UnsafeBufferPointer<UInt8>,
        at range: Range<Int>
    ) -> Bool {
        guard range.count == key.count else { return false }
        guard let mine = bytes.baseAddress, let theirs = key.baseAddress else {
            return key.isEmpty
        }
        return memcmp(mine + range.lowerBound, theirs, key.count) == 0
    }

    /// A copy of one value as a document of its own; nothing is parsed again.
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

    /// The document with an empty object for each of some empty arrays, as PHP writes both `[]`.
    ///
    /// - Parameter arrays: values of this document that are empty arrays.
    package func withObjects(inPlaceOf arrays: [JSONValue]) -> JSONDocument {
        var (bytes, nodes) = (bytes, nodes)
        for array in arrays {
            let node = nodes[array.index]
            bytes[Int(node.start)] = UInt8(ascii: "{")
            bytes[Int(node.end) - 1] = UInt8(ascii: "}")
            nodes[array.index] = JSONNode(
                kind: .object, escaped: false, start: node.start, end: node.end, next: node.next)
        }
        return JSONDocument(bytes: bytes, nodes: nodes, wide: wide)
    }

    /// The document `{}`, for things without a body of their own.
    package static let emptyObject = JSONDocument(
        bytes: Array("{}".utf8),
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
