package import JSON

/// A source's rules for values that are never stored: the paths and the parameters of addresses
/// that its setting names, and what looks like a password, a card number or a token under such a
/// name.
///
/// The rules are applied before an event is read out of its JSON, so that nothing later learns the
/// values, and to every body that is kept because it could not be used. An event that holds none
/// costs one look at each key and allocates nothing.
package final class NeverStore: Sendable {
    private let paths: [NeverStorePath]
    /// The names in a setting: its paths, and its parameters with a question mark before each.
    package let named: [String]
    private let vocabulary: NeverStorePath.Vocabulary
    private let masks: Bool
    private let search: SecretSearch
    /// The rules for bodies that are not readable.
    private let unreadable: UnreadableSecrets

    /// The rules of a source.
    ///
    /// - Parameters:
    ///   - paths: places whose values are removed, of the vocabulary.
    ///   - query: names of parameters in addresses whose values are masked.
    ///   - masks: true to put `***` in the place of a value; false to leave it out.
    ///   - hasDefaults: false to switch off the rules that are built in.
    package init(
        paths: [NeverStorePath] = [], vocabulary: NeverStorePath.Vocabulary = .event,
        query: [String] = [], masks: Bool = false, hasDefaults: Bool = true
    ) {
        self.paths = paths.flatMap { vocabulary == .event ? $0.spellings : [$0] }
        named = paths.map(\.text) + query.map { "?\($0)" }
        self.vocabulary = vocabulary
        self.masks = masks
        let named = SecretKind.named.map { (name: $0.name, kind: SecretKind?.some($0.kind)) }
        let secret = hasDefaults ? named + SecretKind.sessions.map { ($0, nil) } : []
        let ofAddresses = secret + query.map { ($0, nil) }
        let parameters = ofAddresses.isEmpty ? nil : SecretParameters(ofAddresses)
        search = SecretSearch(
            keys: hasDefaults ? FoldedNames(named.map(\.name)) : nil, parameters: parameters)
        unreadable = UnreadableSecrets(
            names: (hasDefaults ? named.map(\.name) : []) + paths.compactMap(\.lastName)
                // The key that a request came with is never kept.
                + ["write key"], parameters: parameters)
    }

    /// The rules of a source without a setting of its own.
    package static let standard = NeverStore()
    /// The rules of a webhook source without a setting of its own.
    package static let standardWebhook = NeverStore(vocabulary: .webhook)

    /// A JSON text after the rules were applied.
    package struct Cleaned: Sendable {
        /// The text without the values.
        package let bytes: [UInt8]
        /// The paths of the values, for the log.
        package let paths: [String]
    }

    /// An event without the values that are never stored; nil when it holds none.
    package func cleaned(event: JSONValue) -> Cleaned? {
        cleaned(event, along: vocabulary == .event ? paths : [], under: [])
    }

    /// An event's document without the values that are never stored, and their paths.
    func document(_ document: JSONDocument) -> (JSONDocument, removed: [String]) {
        // The text is made of slices of a checked one, so it can be read again.
        guard let cleaned = cleaned(event: document.root) else { return (document, []) }
        return ((try? JSONReader.read(cleaned.bytes)) ?? .emptyObject, cleaned.paths)
    }

    /// A webhook without the values that are never stored; nil when it holds none.
    package func cleaned(webhook: JSONValue) -> Cleaned? {
        cleaned(webhook, along: vocabulary == .webhook ? paths : [], under: ["body"])
    }

    /// A webhook without the values that are never stored, and their paths.
    package func webhook(_ item: JSONValue) -> (JSONValue, removed: [String]) {
        guard let cleaned = cleaned(webhook: item) else { return (item, []) }
        let document = (try? JSONReader.read(cleaned.bytes)) ?? .emptyObject
        return (document.root, cleaned.paths)
    }

    /// Headers without the values that look like secrets under such a name.
    package func cleaned(headers: [String: String]) -> [String: String] {
        headers.filter { name, value in
            search.kind(of: name).map { !$0.fits(Array(value.utf8)) } ?? true
        }
    }

    private func cleaned(
        _ root: JSONValue, along paths: [NeverStorePath], under top: [String]
    ) -> Cleaned? {
        let needsLook = search.mayFind(in: root)
        if paths.isEmpty, !needsLook { return nil }
        var removal = Removal(masks: masks)
        for path in paths { follow(path.steps[top.count...], from: root, at: top, &removal) }
        if needsLook { search.remove(from: root, at: top, &removal) }
        if removal.isEmpty { return nil }
        return Cleaned(bytes: removal.text(of: root), paths: removal.paths)
    }

    /// A body that is kept because nothing could be made of it, without the values that are never
    /// stored.
    ///
    /// A body that is no readable JSON is searched for the names; the values behind them are
    /// masked. A compressed body cannot be searched, and a sentence stands in its place.
    package func cleaned(body: [UInt8]) -> Cleaned {
        if Self.isCompressed(body) {
            let words = "A compressed body of \(body.count) bytes, which is not kept."
            return Cleaned(bytes: Array(words.utf8), paths: [Self.somewhere])
        }
        guard let text = try? JSONReader.readRepairing(body) else { return masked(body) }
        let root = text.document.root
        var removal = Removal(masks: masks)
        for key in ["writeKey", "write_key"] as [JSONKey] {
            guard let credential = root[key] else { continue }
            removal.replace(credential, by: Array(secretMask.utf8), at: [key.text])
        }
        let items = root.kind == .array ? root.elements : [root] + (root["batch"]?.elements ?? [])
        let first = vocabulary == .event ? 0 : 1
        for path in paths {
            for item in items { follow(path.steps[first...], from: item, at: [], &removal) }
        }
        search.remove(from: root, at: [], &removal)
        let cleaned = removal.isEmpty ? body : removal.text(of: root)
        // The reader does not look into a value that is nested too deeply.
        let isTooDeep = text.faults.contains { $0.code == .depth }
        let more = isTooDeep ? masked(cleaned) : Cleaned(bytes: cleaned, paths: [])
        return Cleaned(bytes: more.bytes, paths: removal.paths + more.paths)
    }

    /// The path that stands for a value whose place in a body cannot be told.
    private static let somewhere = "body"

    private func masked(_ body: [UInt8]) -> Cleaned {
        let masked = unreadable.masked(body)
        return Cleaned(bytes: masked, paths: masked == body ? [] : [Self.somewhere])
    }

    /// True for the first bytes of gzip, and of zlib at its usual levels.
    private static func isCompressed(_ body: [UInt8]) -> Bool {
        let heads: [[UInt8]] = [
            [0x1F, 0x8B], [0x78, 0x01], [0x78, 0x5E], [0x78, 0x9C], [0x78, 0xDA],
        ]
        return heads.contains { body.starts(with: $0) }
    }

    // MARK: Walks

    /// Removes the values that a path leads to.
    private func follow(
        _ steps: ArraySlice<NeverStorePath.Step>, from value: JSONValue, at way: [String],
        _ removal: inout Removal
    ) {
        let rest = steps.dropFirst()
        switch steps.first {
        case nil: removal.remove(value, at: way.joined(separator: "."))
        case .elements:
            for element in value.elements {
                follow(rest, from: element, at: Self.elements(of: way), &removal)
            }
        case .any:
            for member in value.members {
                follow(rest, from: member.value, at: way + [member.key.string ?? ""], &removal)
            }
        case .key(let name):
            guard value[name] != nil else { return }
            // A body that is kept may have a key twice.
            for member in value.members where member.key.string == name {
                follow(rest, from: member.value, at: way + [name], &removal)
            }
        }
    }

    private static func elements(of way: [String]) -> [String] {
        way.dropLast() + [(way.last ?? "") + "[]"]
    }
}
