// Names are looked for among the keys of a document whatever their case and separators. Most keys
// bear none of the names, and this is asked of every event, so a key is first judged by three
// letters, the first and the last two: a table tells whether any name begins and ends so. Only then
// is the key folded into a hash of 64 bits, which is looked up in an open hash table. Equal hashes
// count as equal names: a sender who makes two collide hides one value more of its own.

/// A set of names for keys that different senders spell differently: `accessToken`,
/// `access-token` and `ACCESS_TOKEN` are one name.
package final class FoldedNames: Sendable {
    /// For a name's first letter and its last but one, by their lower five bits: a bit for each
    /// last letter.
    fileprivate let ends: [UInt32]
    /// An open hash table; 0 is a free slot.
    private let hashes: [UInt64]
    private let places: [Int16]

    private static let slots = 1_024

    /// A set of names, in any spelling.
    ///
    /// - Parameter names: at most 500.
    package init(_ names: [String]) {
        var ends = [UInt32](repeating: 0, count: 32 * 32)
        var hashes = [UInt64](repeating: 0, count: Self.slots)
        var places = [Int16](repeating: 0, count: Self.slots)
        for (place, name) in names.enumerated() {
            let letters = name.utf8.filter { !Self.isSeparator($0) }
            guard letters.count > 1 else { continue }
            let (row, bit) = Self.ends(
                first: letters[0], next: letters[letters.count - 2],
                last: letters[letters.count - 1])
            ends[row] |= 1 << bit
            let hash = letters.withUnsafeBufferPointer { Self.hash($0) }
            var slot = Int(truncatingIfNeeded: hash) & (Self.slots - 1)
            while hashes[slot] != 0, hashes[slot] != hash { slot = (slot + 1) & (Self.slots - 1) }
            (hashes[slot], places[slot]) = (hash, Int16(place))
        }
        // A key may have an underscore there, and then says nothing by its letters.
        for row in ends.indices {
            if row / 32 == 31 || row % 32 == 31 { ends[row] = .max }
            ends[row] |= 1 << 31
        }
        self.ends = ends
        self.hashes = hashes
        self.places = places
    }

    /// The place of a name in the list that the set was made of; nil when it is not one of them.
    package func place(of name: String) -> Int? {
        var name = name
        return name.withUTF8 { place(of: $0) }
    }

    /// The place of a name that is given as bytes.
    package func place(of name: UnsafeBufferPointer<UInt8>) -> Int? {
        guard name.count > 1 else { return nil }
        let (row, bit) = Self.ends(
            first: name[0], next: name[name.count - 2], last: name[name.count - 1])
        guard ends[row] >> bit & 1 == 1 else { return nil }
        let hash = Self.hash(name)
        var slot = Int(truncatingIfNeeded: hash) & (Self.slots - 1)
        while hashes[slot] != 0 {
            if hashes[slot] == hash { return Int(places[slot]) }
            slot = (slot + 1) & (Self.slots - 1)
        }
        return nil
    }

    /// The place in the table for the first letter of a name and its last two.
    @inline(__always)
    fileprivate static func ends(first: UInt8, next: UInt8, last: UInt8) -> (Int, UInt32) {
        (Int(first & 31) << 5 | Int(next & 31), UInt32(last & 31))
    }

    /// FNV-1a over the folded bytes; never 0.
    private static func hash(_ name: UnsafeBufferPointer<UInt8>) -> UInt64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in name where !isSeparator(byte) {
            hash = (hash ^ UInt64(byte.isASCIIUppercase ? byte | 0x20 : byte)) &* 0x100_0000_01B3
        }
        return hash | 1
    }

    @inline(__always)
    private static func isSeparator(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: "_") || byte == UInt8(ascii: "-") || byte == UInt8(ascii: " ")
    }
}

extension JSONValue {
    /// True when a key inside this value may be one of the names, or a text inside it may hold
    /// such a key as JSON of its own; nothing is allocated.
    ///
    /// Keys and texts with escapes are judged roughly: a closer look has to follow.
    package func mayHoldKey(of names: FoldedNames) -> Bool {
        document.nodes[index..<nextIndex].withUnsafeBufferPointer { nodes in
            document.bytes.withUnsafeBufferPointer { bytes in
                names.ends.withUnsafeBufferPointer { ends in
                    for node in nodes {
                        if node.kind == .key {
                            // The bytes around a short key are its quotes, and fit no name.
                            let end = Int(node.end)
                            let (row, bit) = FoldedNames.ends(
                                first: bytes[Int(node.start)], next: bytes[end &- 2],
                                last: bytes[end &- 1])
                            guard ends[row] &>> bit & 1 == 1 || node.escaped else { continue }
                        } else if !node.escaped {
                            continue
                        }
                        if isSuspect(node, of: names, in: bytes) { return true }
                    }
                    return false
                }
            }
        }
    }

    /// True when a key is one of the names or has escapes, or a text may hold such a key.
    private func isSuspect(
        _ node: JSONNode, of names: FoldedNames, in bytes: UnsafeBufferPointer<UInt8>
    ) -> Bool {
        let text = text(of: node, in: bytes)
        if node.kind != .key { return mayHoldKey(of: names, inside: text) }
        return node.escaped || names.place(of: text) != nil
    }

    private func text(
        of node: JSONNode, in bytes: UnsafeBufferPointer<UInt8>
    ) -> UnsafeBufferPointer<UInt8> {
        UnsafeBufferPointer(rebasing: bytes[Int(node.start)..<Int(node.end)])
    }

    /// True for a text in which a quoted name stands, or an escaped quote or `=`, which some
    /// libraries write.
    private func mayHoldKey(
        of names: FoldedNames, inside text: UnsafeBufferPointer<UInt8>
    ) -> Bool {
        var at = 0
        while at + 1 < text.count {
            guard text[at] == UInt8(ascii: "\\") else {
                at += 1
                continue
            }
            let rest = text[(at + 1)...]
            at += 2
            if rest.first == UInt8(ascii: "\"") {
                let name = rest.dropFirst().prefix { $0 != UInt8(ascii: "\\") }
                if names.place(of: UnsafeBufferPointer(rebasing: name)) != nil { return true }
            } else if rest.starts(with: "u0022".utf8) || rest.starts(with: "u003d".utf8)
                || rest.starts(with: "u003D".utf8)
            {
                return true
            }
        }
        return false
    }
}
