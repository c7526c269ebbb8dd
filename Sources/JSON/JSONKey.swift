/// A key prepared for look-ups: its bytes and their hash, computed once.
package struct JSONKey: Sendable, Hashable, ExpressibleByStringLiteral {
    let bytes: [UInt8]
    let hash: UInt32

    /// Prepares a key.
    package init(_ text: String) {
        bytes = Array(text.utf8)
        hash = bytes.withUnsafeBufferPointer { jsonKeyHash($0) }
    }

    /// Prepares a key that is written in the program.
    package init(stringLiteral value: String) { self.init(value) }

    /// The key as text.
    package var text: String { String(decoding: bytes, as: UTF8.self) }

    fileprivate func matches(_ node: JSONNode, of document: JSONDocument) -> Bool {
        bytes.withUnsafeBufferPointer { document.matches(node, $0) }
    }
}

/// A hash of a key's decoded bytes, eight at a time; it only has to be the same for reader and
/// look-up.
func jsonKeyHash(_ bytes: UnsafeBufferPointer<UInt8>) -> UInt32 {
    var hash = UInt64(bytes.count)
    var at = 0
    func mix(_ word: UInt64) {
        hash = (hash ^ word) &* 0x9E37_79B9_7F4A_7C15
        hash ^= hash >> 32
    }
    while at + 8 <= bytes.count {
        mix(UnsafeRawBufferPointer(bytes).loadUnaligned(fromByteOffset: at, as: UInt64.self))
        at += 8
    }
    if at < bytes.count {
        var rest: UInt64 = 0
        while at < bytes.count {
            rest = rest << 8 | UInt64(bytes[at])
            at += 1
        }
        mix(rest)
    }
    return UInt32(truncatingIfNeeded: hash)
}

/// A set of keys that are found together, in one pass over an object.
package struct JSONKeySet: Sendable {
    private let keys: [JSONKey]
    /// An open hash table: the place in `keys`, at the key's hash or the next free slot; -1 for
    /// none.
    private let slots: [Int8]

    /// A set of prepared keys.
    ///
    /// - Parameter names: at most 60 different ones.
    package init(_ names: [String]) {
        keys = names.map { JSONKey($0) }
        var slots = [Int8](repeating: -1, count: Self.size)
        for (index, key) in keys.enumerated() {
            var slot = Int(key.hash) & (Self.size - 1)
            while slots[slot] >= 0 { slot = (slot + 1) & (Self.size - 1) }
            slots[slot] = Int8(index)
        }
        self.slots = slots
    }

    private static let size = 128

    /// Calls `found` for each key that an object has, with its place in the list of names and its
    /// value.
    package func find(in object: JSONValue, _ found: (Int, JSONValue) -> Void) {
        for member in object.members {
            let node = member.key.node
            var slot = Int(node.next) & (Self.size - 1)
            while slots[slot] >= 0 {
                let index = Int(slots[slot])
                if keys[index].hash == node.next, keys[index].matches(node, of: object.document) {
                    found(index, member.value)
                    break
                }
                slot = (slot + 1) & (Self.size - 1)
            }
        }
    }
}
