/// The keys of an object are checked and indexed once all of them are read.
extension JSONParser {
    /// The most keys of an object that are compared pair by pair, and looked for one after the
    /// other.
    private static let fewKeys = 24

    /// Finds the keys that stand twice, and indexes the keys of a large object.
    ///
    /// Few keys are compared pair by pair; many go through a set, whose hashing is seeded, so that
    /// nobody can choose keys that collide.
    mutating func indexKeys(_ keys: ArraySlice<Int>, of object: Int) {
        // A text that has to be repaired is read again.
        guard keys.count > 1, patches.isEmpty else { return }
        if keys.count <= Self.fewKeys {
            comparePairs(keys)
            return
        }
        wide[object] = keys.map { UInt32($0) }.sorted {
            nodes[Int($0)].next < nodes[Int($1)].next
        }
        var seen: Set<[UInt8]> = []
        for key in keys where !seen.insert(keyText(key)).inserted { reportDuplicate(key) }
    }

    private mutating func comparePairs(_ keys: ArraySlice<Int>) {
        for later in keys.indices.dropFirst() {
            for earlier in keys.startIndex..<later
            where nodes[keys[later]].next == nodes[keys[earlier]].next {
                if keyText(keys[later]) == keyText(keys[earlier]) { reportDuplicate(keys[later]) }
            }
        }
    }

    private mutating func reportDuplicate(_ key: Int) {
        let text = String(decoding: keyText(key).prefix(64), as: UTF8.self)
        faults.append(
            JSONError(
                code: .duplicateKey, offset: Int(nodes[key].start) - 1,
                message: "The key \"\(text)\" stands twice."))
    }

    private func keyText(_ index: Int) -> [UInt8] {
        let node = nodes[index]
        let text = Array(bytes[Int(node.start)..<Int(node.end)])
        return node.escaped ? unescape(text[...]) : text
    }
}
