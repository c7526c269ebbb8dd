// Names are looked for among the keys of a document whatever their case and separators. Most keys
// bear none of the names, and this is asked of every event, so a key is first judged by two
// letters, the first and the last: a table tells whether any name begins and ends so. Only then is
// the key folded into a hash of 64 bits, which is looked up in an open hash table. Equal hashes
// count as equal names: a sender who makes two collide hides one value more of its own.

/// A set of names for keys that different senders spell differently: `accessToken`,
/// `access-token` and `ACCESS_TOKEN` are one name.
package struct FoldedNames: Sendable {
    /// For the lower five bits of a name's first letter: a bit for each last letter.
    private let ends: [UInt32]
    /// An open hash table; 0 is a free slot.
    private let hashes: [UInt64]
    private let places: [Int16]

    private static let slots = 1_024

    /// A set of names, in any spelling.
    ///
    /// - Parameter names: at most 500.
    package init(_ names: [String]) {
        var ends = [UInt32](repeating: 0, count: 32)
        var hashes = [UInt64](repeating: 0, count: Self.slots)
        var places = [Int16](repeating: 0, count: Self.slots)
        for (place, name) in names.enumerated() {
            let letters = name.utf8.filter { !Self.isSeparator($0) }
            guard let first = letters.first, let last = letters.last else { continue }
            ends[Int(first & 31)] |= 1 << UInt32(last & 31)
            let hash = Self.hash(letters)
            var slot = Int(truncatingIfNeeded: hash) & (Self.slots - 1)
            while hashes[slot] != 0, hashes[slot] != hash { slot = (slot + 1) & (Self.slots - 1) }
            (hashes[slot], places[slot]) = (hash, Int16(place))
        }
        // A key may begin or end with an underscore, and then says nothing by its letters.
        for first in ends.indices { ends[first] |= 1 << 31 }
        ends[31] = .max
        self.ends = ends
        self.hashes = hashes
        self.places = places
    }

    /// The place of a name in the list that the set was made of; nil when it is not one of them.
    package func place(of name: some Sequence<UInt8>) -> Int? {
        let hash = Self.hash(name)
        var slot = Int(truncatingIfNeeded: hash) & (Self.slots - 1)
        while hashes[slot] != 0 {
            if hashes[slot] == hash { return Int(places[slot]) }
            slot = (slot + 1) & (Self.slots - 1)
        }
        return nil
    }

    /// FNV-1a over the folded bytes; never 0.
    @inline(__always)
    private static func hash(_ name: some Sequence<UInt8>) -> UInt64 {
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

    /// True when a key's text is one of the names; two letters decide for most.
    @inline(__always)
    fileprivate func contains(_ name: Slice<UnsafeBufferPointer<UInt8>>) -> Bool {
        guard let first = name.first, let last = name.last,
            ends[Int(first & 31)] >> UInt32(last & 31) & 1 == 1
        else { return false }
        return place(of: name) != nil
    }
}

extension JSONValue {
    /// True when a key inside this value may be one of the names, or a text inside it may hold
    /// such a key as JSON of its own; nothing is allocated.
    ///
    /// Keys and texts with escapes are judged roughly: a closer look has to follow.
    package func mayHoldKey(of names: FoldedNames) -> Bool {
        document.nodes.withUnsafeBufferPointer { nodes in
            document.bytes.withUnsafeBufferPointer { bytes in
                for node in nodes[index..<nextIndex] {
                    let range = Int(node.start)..<Int(node.end)
                    switch node.kind {
                    case .key:
                        if node.escaped || names.contains(bytes[range]) { return true }
                    case .string where node.escaped:
                        if mayHoldKey(of: names, in: bytes[range]) { return true }
                    default: continue
                    }
                }
                return false
            }
        }
    }

    /// True for a text in which a quoted name stands, or an escaped `=`, which some libraries
    /// write.
    private func mayHoldKey(
        of names: FoldedNames, in text: Slice<UnsafeBufferPointer<UInt8>>
    ) -> Bool {
        var at = text.startIndex
        while at + 1 < text.endIndex {
            guard text[at] == UInt8(ascii: "\\") else {
                at += 1
                continue
            }
            let rest = text[(at + 1)...]
            at += 2
            if rest.first == UInt8(ascii: "\"") {
                let name = rest.dropFirst().prefix { $0 != UInt8(ascii: "\\") }
                if names.contains(name) { return true }
            } else if rest.starts(with: "u003d".utf8) || rest.starts(with: "u003D".utf8) {
                return true
            }
        }
        return false
    }
}
