import JSON

/// Finds secrets by their names in a JSON text: values under such keys, parameters of addresses,
/// and both in JSON that stands inside a text.
struct SecretSearch: Sendable {
    /// The keys that name secrets; nil when none do.
    let keys: FoldedNames?
    let parameters: SecretParameters?

    /// True when a value may hold a secret, and `remove` has to look closer; nothing is allocated.
    func mayFind(in value: JSONValue) -> Bool {
        if let keys, value.mayHoldKey(of: keys) { return true }
        guard let parameters else { return false }
        return withBytes(of: value) { parameters.areIn($0) }
    }

    private func withBytes<Result>(
        of value: JSONValue, _ body: (UnsafeBufferPointer<UInt8>) -> Result
    ) -> Result {
        let range = value.range
        return value.document.bytes.withUnsafeBufferPointer {
            body(UnsafeBufferPointer(rebasing: $0[range]))
        }
    }

    /// The kind of secret that a name stands for; nil for every other name.
    func kind(of name: String) -> SecretKind? {
        keys?.place(of: name).map { SecretKind.named[$0].kind }
    }

    /// Removes what looks like a secret under such a name, and masks parameters of addresses.
    func remove(from root: JSONValue, at way: [String], _ removal: inout Removal) {
        var walk = Walk(search: self, way: way.map { .name($0) }, removal: removal)
        walk.visit(root, as: nil)
        removal = walk.removal
    }

    /// One walk over a text; the way to the current value becomes a path only when it is needed.
    private struct Walk {
        enum Step {
            case name(String)
            case key(JSONValue)
            case elements
        }

        let search: SecretSearch
        var way: [Step]
        var removal: Removal

        private var path: String {
            way.reduce(into: "") { path, step in
                switch step {
                case .name(let name): path += (path.isEmpty ? "" : ".") + name
                case .key(let key): path += (path.isEmpty ? "" : ".") + (key.string ?? "")
                case .elements: path += "[]"
                }
            }
        }

        /// The ids of an event, which are kept as they are.
        private static let ids = JSONKeySet([
            "userId", "user_id", "anonymousId", "anonymous_id", "previousId", "previous_id",
            "groupId", "group_id", "messageId", "message_id", "type",
        ])

        /// - Parameter kind: the kind of secret that the value's key names.
        mutating func visit(_ value: JSONValue, as kind: SecretKind?) {
            if removal.covers(value) { return }
            switch value.kind {
            case .object: visitMembers(of: value)
            case .array:
                way.append(.elements)
                for element in value.elements { visit(element, as: kind) }
                way.removeLast()
            case .string, .number:
                if let kind, kind.fits(value) {
                    removal.remove(value, at: path)
                } else if value.kind == .string {
                    clean(value)
                }
            case .boolean, .null: break
            }
        }

        private mutating func visitMembers(of object: JSONValue) {
            var kept: Set<Int> = []
            if way.isEmpty { Self.ids.find(in: object) { kept.insert($1.index) } }
            for member in object.members where !kept.contains(member.value.index) {
                let kind = kind(of: member.key)
                way.append(.key(member.key))
                visit(member.value, as: kind)
                way.removeLast()
            }
        }

        /// The kind of secret that a key names; nil for every other key.
        ///
        /// The token of a device is the address of its push messages, and no secret.
        private func kind(of key: JSONValue) -> SecretKind? {
            guard let keys = search.keys else { return nil }
            let isEscaped = key.raw.contains(UInt8(ascii: "\\"))
            let place =
                isEscaped
                ? keys.place(of: key.string ?? "")
                : search.withBytes(of: key) {
                    keys.place(of: UnsafeBufferPointer(rebasing: $0.dropFirst().dropLast()))
                }
            guard let place else { return nil }
            if case .key(let parent) = way.last, parent.string?.lowercased() == "device",
                key.string?.lowercased() == "token"
            {
                return nil
            }
            return SecretKind.named[place].kind
        }

        /// Cleans a text that is JSON itself, or holds addresses.
        private mutating func clean(_ value: JSONValue) {
            let raw = value.raw.dropFirst().dropLast()
            let isJSON = raw.first == UInt8(ascii: "{") || raw.first == UInt8(ascii: "[")
            guard isJSON || raw.contains(UInt8(ascii: "=")) || raw.contains(UInt8(ascii: "\\")),
                let text = value.string
            else { return }
            if isJSON, let root = try? JSONReader.read(text: text).root {
                var inner = Walk(
                    search: search, way: [.name(path)], removal: Removal(masks: removal.masks))
                inner.visit(root, as: nil)
                guard !inner.removal.isEmpty else { return }
                removal.replace(
                    value, by: inner.removal.text(of: root), at: inner.removal.paths)
            } else if let (masked, names) = search.parameters?.masked(Array(text.utf8)) {
                let path = path
                removal.replace(value, by: masked, at: names.map { "\(path)?\($0)" })
            }
        }
    }
}
