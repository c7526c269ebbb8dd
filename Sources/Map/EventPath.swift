package import Events
package import JSON

/// A place in an event that a mapping reads, such as `properties.product_id`.
package final class EventPath: Sendable, Equatable {
    /// The first part of a path; the closed list of what blueprints can see.
    package enum Root: String, Sendable, CaseIterable {
        case type, event, name, category, properties, traits, context, integrations
        case userID = "user_id"
        case anonymousID = "anonymous_id"
        case previousID = "previous_id"
        case groupID = "group_id"
        case timestamp
        case sentAt = "sent_at"
        case receivedAt = "received_at"
        case messageID = "message_id"
        case source, identity
        case vendorEventName = "vendor_event_name"
        /// The parts of a webhook; only source blueprints see these.
        case body, headers
    }

    /// The things that paths may name: an event in a destination's blueprint, a webhook in a
    /// source's.
    package enum Vocabulary: Sendable {
        case event, webhook

        var roots: [Root] {
            switch self {
            case .event: Root.allCases.filter { $0 != .body && $0 != .headers }
            case .webhook: [.body, .headers, .receivedAt, .source]
            }
        }
    }

    package let text: String
    package let root: Root
    /// Keys below the root, up to the array when there is one.
    package let keys: [JSONKey]
    /// The whole way from a webhook's document on.
    private let way: [JSONKey]
    /// Keys inside each element, when the path goes through an array (`products[].name`).
    let elementKeys: [JSONKey]?

    package static func == (left: EventPath, right: EventPath) -> Bool { left.text == right.text }

    /// The cause when a text is no path.
    package struct Fault: Error, Sendable {
        package let message: String
        package let fix: String
    }

    package init(_ text: String, in vocabulary: Vocabulary = .event) throws(Fault) {
        self.text = text
        let halves = text.split(separator: "[]", maxSplits: 1, omittingEmptySubsequences: false)
        let parts = halves[0].split(separator: ".", omittingEmptySubsequences: false).map(
            String.init)
        guard let root = Root(rawValue: parts[0]), vocabulary.roots.contains(root) else {
            throw Fault(
                message:
                    "There is no \"\(parts[0])\" in \(vocabulary == .event ? "an event" : "a webhook").",
                fix: suggestion(for: parts[0], among: vocabulary.roots.map(\.rawValue)))
        }
        self.root = root
        // A header's name is the same in any case; a webhook's are kept in lower case.
        keys = parts.dropFirst().map { JSONKey(root == .headers ? $0.lowercased() : $0) }
        way = [JSONKey(root.rawValue)] + keys
        guard halves.count == 2 else {
            elementKeys = nil
            try check(parts)
            return
        }
        guard !halves[1].contains("[]"), root.hasMembers else {
            throw Fault(
                message: "\"\(text)\" does not go through exactly one array of the event.",
                fix: "Use one [] in a path, below something that has members.")
        }
        guard halves[1].isEmpty || halves[1].hasPrefix(".") else {
            throw Fault(message: "\"\(text)\" has no dot after [].", fix: "Write list[].name.")
        }
        let rest = halves[1].dropFirst().split(separator: ".", omittingEmptySubsequences: false)
            .map(String.init).filter { !halves[1].isEmpty || !$0.isEmpty }
        elementKeys = rest.map { JSONKey($0) }
        try check(parts + rest)
    }

    private func check(_ parts: [String]) throws(Fault) {
        guard parts.allSatisfy({ !$0.isEmpty }) else {
            throw Fault(
                message: "\"\(text)\" has an empty part.", fix: "Write one dot between two names.")
        }
        let identityParts = ["user_id", "email", "previous_id"]
        if root == .identity, keys.count != 1 || !identityParts.contains(keys[0].text) {
            throw Fault(
                message: "\"\(text)\" is no part of the identity.",
                fix: "Use identity.user_id, identity.email or identity.previous_id.")
        }
        if !root.hasMembers, root != .identity, !keys.isEmpty {
            throw Fault(
                message: "\"\(root.rawValue)\" has nothing below it.",
                fix: "Use \"\(root.rawValue)\" alone.")
        }
    }

    /// True when the place is an email address by its name.
    var isEmail: Bool {
        (elementKeys ?? keys).last?.text.lowercased() == "email"
    }
}

extension EventPath.Root {
    var hasMembers: Bool {
        switch self {
        case .properties, .traits, .context, .integrations, .body, .headers: true
        default: false
        }
    }
}

/// Everything that mappings may read, for one event at one destination.
///
/// An object: it is made when the event is decided about and shared by everything that reads it.
package final class MapInput: Sendable {
    package let event: Event
    package let identity: Identity
    /// Parameter values; a secret one is only named, never given.
    package let parameters: ParameterValues
    /// The destination's name for the event; empty where nothing is built, only asked.
    package let vendorName: String

    package init(
        event: Event, identity: Identity, parameters: ParameterValues, vendorName: String = ""
    ) {
        self.event = event
        self.identity = identity
        self.parameters = parameters
        self.vendorName = vendorName
    }
}

/// A destination's parameters, as far as mappings may see them.
package struct ParameterValues: Sendable, Equatable {
    package var plain: [String: String]
    package var secret: Set<String>
    /// Parameters that have a value for each event's name, kept under `name:folded event name`.
    package var perEvent: Set<String>

    package init(
        plain: [String: String], secret: Set<String>, perEvent: Set<String> = []
    ) {
        self.plain = plain
        self.secret = secret
        self.perEvent = perEvent
    }

    /// The key of one event's value of such a parameter; `*` stands for every other event.
    package static func key(_ name: String, event: String) -> String {
        "\(name):\(event == "*" ? event : folded(event))"
    }

    /// A parameter's value for an event; empty when there is none.
    package func value(_ name: String, for event: Event) -> TextTemplate.Value {
        var key = name
        if perEvent.contains(name) {
            let own = Self.key(name, event: event.label)
            let isKnown = plain[own] != nil || secret.contains(own)
            key = isKnown ? own : Self.key(name, event: "*")
        }
        return plainOrSecret(key)
    }

    func plainOrSecret(_ key: String) -> TextTemplate.Value {
        secret.contains(key) ? .secret(key) : .plain(plain[key] ?? "")
    }
}

extension MapInput {
    /// A parameter's plain value; nil when it has none or is secret.
    func plainParameter(_ name: String) -> String? {
        guard case .plain(let text) = parameters.value(name, for: event) else { return nil }
        // An empty text was given on purpose; a parameter without value is absent.
        return text.isEmpty ? parameters.plain[name] : text
    }

    /// The name under which a secret parameter's value is put in; nil when it is not secret.
    func secretParameter(_ name: String) -> String? {
        guard case .secret(let key) = parameters.value(name, for: event) else { return nil }
        return key
    }
}

/// A value that a path or a rule has found.
package enum Found: Sendable {
    case json(JSONValue)
    case text(String)
    case moment(Timestamp)
    /// A JSON value that was computed.
    case raw([UInt8])

    var isNull: Bool {
        switch self {
        case .json(let value): value.isNull
        case .raw(let bytes): bytes.elementsEqual("null".utf8)
        default: false
        }
    }

    /// Null, the empty text, and lists and objects without anything in them.
    var isEmpty: Bool {
        if case .json(let value) = self, value.kind == .array || value.kind == .object {
            return value.isEmpty
        }
        return isNull || text == ""
    }

    /// The value as a transform reads it; nil for objects, arrays and null.
    package var text: String? {
        switch self {
        case .json(let value):
            value.string ?? value.numberText ?? value.bool.map { $0 ? "true" : "false" }
        case .text(let text): text
        case .moment(let moment): moment.iso8601
        case .raw(let bytes): (try? JSONReader.read(bytes)).flatMap { Found.json($0.root).text }
        }
    }
}

extension Event {
    /// True when the event has no such part, so that nothing can be found in it.
    func lacks(_ section: EventPath.Root) -> Bool {
        switch section {
        case .properties: properties == nil
        case .integrations: integrations == nil
        case .context: context == nil
        // Traits may also stand in the context.
        case .traits: traits == nil && context == nil
        default: false
        }
    }
}

extension EventPath {
    /// The value at this place; nil when the event has no such place, which null is not.
    func find(in input: MapInput, element: JSONValue? = nil) -> Found? {
        if let elementKeys, let element { return descend(element, elementKeys).map(Found.json) }
        switch root {
        case .properties: return descend(input.event.properties)
        case .context: return descend(input.event.context)
        case .integrations: return descend(input.event.integrations)
        case .body, .headers: return input.event.document.value(at: way).map(Found.json)
        case .traits: return trait(of: input.event)
        case .identity:
            return identifier(keys[0], of: input.identity).map(Found.text)
        case .type: return .text(input.event.type.rawValue)
        case .event, .name: return input.event.name.map(Found.text)
        case .category: return input.event.category.map(Found.json)
        case .userID: return input.event.userID.map(Found.text)
        case .anonymousID: return input.event.anonymousID.map(Found.text)
        case .previousID: return input.event.previousID.map(Found.text)
        case .groupID: return input.event.groupID.map(Found.text)
        case .timestamp: return .moment(input.event.timestamp)
        case .sentAt: return input.event.sentAt.map(Found.moment)
        case .receivedAt: return .moment(input.event.receivedAt)
        case .messageID: return .text(input.event.messageID)
        case .source: return .text(input.event.source)
        case .vendorEventName: return .text(input.vendorName)
        }
    }

    private static let email = JSONKey("email")
    private static let previousIdentifier = JSONKey("previous_id")

    private func identifier(_ key: JSONKey, of identity: Identity) -> String? {
        switch key {
        case Self.email: identity.email
        case Self.previousIdentifier: identity.formerID
        default: identity.userID
        }
    }

    /// A trait, or an object of traits: that of the event's `traits`, else of `context.traits`; of
    /// two objects, the members of both.
    ///
    /// The traits of a group are not mixed with a person's.
    private func trait(of event: Event) -> Found? {
        let own = event.traits.flatMap { descend($0, keys) }
        guard own?.isNull ?? true || own?.kind == .object,
            let other = event.contextTraits.flatMap({ descend($0, keys) })
        else { return own.map(Found.json) }
        guard let own, !own.isNull else { return .json(other) }
        guard event.type != .group, other.kind == .object, !other.isEmpty else {
            return .json(own)
        }
        return own.isEmpty ? .json(other) : .json(merged(own, over: other))
    }

    private func descend(_ section: JSONValue?) -> Found? {
        section.flatMap { descend($0, keys) }.map(Found.json)
    }

    private func descend(_ value: JSONValue, _ keys: [JSONKey]) -> JSONValue? {
        value.document.value(at: keys, from: value)
    }
}

/// Two objects as one: the members of the first, and those of the second that it lacks or has as
/// null; objects below are put together in the same way.
private func merged(_ first: JSONValue, over second: JSONValue) -> JSONValue {
    let bytes = JSONWriter.make { appendMerged(first, over: second, to: &$0) }
    // The text is made of slices of checked ones, so it can be read again.
    return (try? JSONReader.read(bytes))?.root ?? first
}

private func appendMerged(
    _ first: JSONValue, over second: JSONValue, to writer: inout JSONWriter
) {
    writer.beginObject()
    for member in first.members {
        let other = member.key.string.flatMap { second[$0] }
        writer.key(quoted: member.key.raw)
        if let other, member.value.kind == .object, other.kind == .object {
            appendMerged(member.value, over: other, to: &writer)
        } else {
            writer.value(member.value.isNull ? other ?? member.value : member.value)
        }
    }
    for member in second.members {
        guard let key = member.key.string, first[key] == nil else { continue }
        writer.key(quoted: member.key.raw)
        writer.value(member.value)
    }
    writer.endObject()
}
