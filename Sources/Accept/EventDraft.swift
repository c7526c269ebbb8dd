import Events
import JSON

/// A JSON object that is checked field by field to become an event.
struct EventDraft {
    let document: JSONDocument
    let index: Int
    /// The batch's time of sending, for events without one of their own.
    private let sharedSentAt: JSONValue?
    private let repairs: Set<JSONRepair>
    /// Paths of values that are never stored and were removed.
    let removed: [String]
    private let type: EventType?
    /// The value of each field, by its number; null is the same as absent.
    private let values: [JSONValue?]

    /// A field that is read out of the object.
    private enum Field: Int, CaseIterable {
        case type, event, name, messageID, userID, anonymousID, previousID, groupID, sentAt
        case originalTimestamp, timestamp, properties, traits, context, integrations

        /// The names of the field; the first one wins.
        var spellings: [String] {
            switch self {
            case .type: ["type"]
            case .event: ["event"]
            case .name: ["name"]
            case .messageID: ["messageId", "message_id"]
            case .userID: ["userId", "user_id"]
            case .anonymousID: ["anonymousId", "anonymous_id"]
            case .previousID: ["previousId", "previous_id"]
            case .groupID: ["groupId", "group_id"]
            case .sentAt: ["sentAt", "sent_at"]
            case .originalTimestamp: ["originalTimestamp", "original_timestamp"]
            case .timestamp: ["timestamp"]
            case .properties: ["properties"]
            case .traits: ["traits"]
            case .context: ["context"]
            case .integrations: ["integrations"]
            }
        }
    }
    private static let spellings = Field.allCases.flatMap { field in
        field.spellings.enumerated().map { (field, name: $1, isSecond: $0 > 0) }
    }
    /// The first name of each field, which people are told.
    private static let names = Field.allCases.map { $0.spellings[0] }
    private static let keys = JSONKeySet(spellings.map(\.name))

    init(
        document: JSONDocument, index: Int, sentAt: JSONValue?, repairs: Set<JSONRepair>,
        removed: [String], type: EventType?
    ) {
        self.index = index
        self.repairs = repairs
        self.removed = removed
        self.type = type
        sharedSentAt = sentAt
        let values = Self.values(of: document)
        let arrays = Self.emptyArrays(in: values)
        self.document = arrays.isEmpty ? document : document.withObjects(inPlaceOf: arrays)
        self.values = arrays.isEmpty ? values : Self.values(of: self.document)
    }

    private static func values(of document: JSONDocument) -> [JSONValue?] {
        var values = [JSONValue?](repeating: nil, count: Field.allCases.count)
        keys.find(in: document.root) { index, value in
            let (field, _, isSecond) = spellings[index]
            if value.isNull || isSecond && values[field.rawValue] != nil { return }
            values[field.rawValue] = value
        }
        return values
    }

    /// The empty arrays that stand where an object belongs.
    private static func emptyArrays(in values: [JSONValue?]) -> [JSONValue] {
        var arrays: [JSONValue] = []
        for field in [Field.properties, .traits, .context, .integrations] {
            if let value = values[field.rawValue], value.isEmptyArray { arrays.append(value) }
        }
        if let traits = values[Field.context.rawValue]?["traits"], traits.isEmptyArray {
            arrays.append(traits)
        }
        return arrays
    }

    private subscript(field: Field) -> JSONValue? { values[field.rawValue] }

    var messageID: String? { self[.messageID]?.identifier }

    func event(
        from source: EventSource, at now: Timestamp, limits: AcceptLimits
    ) throws(Problem) -> Event {
        let size = document.bytes.count
        guard size <= limits.eventBytes else { throw Self.tooLarge(size, limits) }
        let type = try eventType()
        let messageID = try messageID(shorterThan: limits.messageIDLength)
        var marks: [Event.Mark] = []
        let ids = try EventIDs(
            user: given(.userID), anonymous: given(.anonymousID), previous: given(.previousID),
            group: given(.groupID), placeholders: source.placeholders, limits: limits,
            marks: &marks)
        let name = try name(for: type)
        let times = EventTimes(
            timestamp: self[.timestamp], original: self[.originalTimestamp],
            sent: self[.sentAt] ?? sharedSentAt, receivedAt: now,
            limits: limits, marks: &marks)
        if !repairs.isEmpty {
            marks += repairs.map { Event.Mark(repair: $0) }.sorted { $0.text < $1.text }
        }
        marks += removed.map { Event.Mark(.removed, value: $0) }
        if size > limits.eventBytesWarned { marks.append(Event.Mark(.large)) }
        let event = Event(
            source: source.name, trusted: source.trusted, type: type, name: name,
            messageID: messageID ?? "", userID: ids.user, anonymousID: ids.anonymous,
            previousID: ids.previous, groupID: ids.group, timestamp: times.happened,
            sentAt: times.sent, receivedAt: now, marks: marks, document: document)
        try requireIdentity(of: event, ids)
        return event
    }

    static func tooLarge(_ size: Int, _ limits: AcceptLimits) -> Problem {
        Problem(
            code: "event_too_large",
            message: "The event has \(size) bytes; \(limits.eventBytes) are allowed.",
            hint: "Leave large values out of the event.")
    }

    private func eventType() throws(Problem) -> EventType {
        if let type { return type }
        guard let text = self[.type]?.string else {
            throw Problem(
                code: "no_type", message: "The event has no \"type\".",
                hint: "Give one of track, page, screen, identify, group, alias.")
        }
        guard let type = EventType(rawValue: text) else {
            throw Problem(
                code: "unknown_type", message: "The type \"\(text.prefix(64))\" is not known.",
                hint: "Give one of track, page, screen, identify, group, alias.")
        }
        return type
    }

    private func given(_ field: Field) -> EventIDs.Given {
        EventIDs.Given(value: self[field], field: Self.names[field.rawValue])
    }

    private func messageID(shorterThan length: Int) throws(Problem) -> String? {
        guard let value = self[.messageID] else { return nil }
        let field = Self.names[Field.messageID.rawValue]
        guard let text = value.string ?? value.numberText else { throw EventIDs.notText(field) }
        try EventIDs.check(text[...], named: field, shorterThan: length)
        // A store keeps a text that begins so in place of the message id of an emptied event.
        guard text.utf8.first.map({ $0 > 2 }) ?? true else {
            throw Problem(
                code: "id_not_text",
                message: "\"\(field)\" begins with a control character (U+0000 to U+0002).",
                hint: "Send a message id of printable characters.")
        }
        return text.isEmpty ? nil : text
    }

    private func name(for type: EventType) throws(Problem) -> String? {
        switch type {
        case .track:
            guard let value = self[.event] else {
                throw Problem(
                    code: "event_not_defined", message: "The track event has no name.",
                    hint: "Give the event's name under \"event\".")
            }
            guard let name = value.string, !name.isEmpty else {
                throw Problem(
                    code: "event_not_string", message: "\"event\" is not a text with characters.",
                    hint: "Give the event's name under \"event\", as a string.")
            }
            return name
        case .page: return text(self[.name]) ?? text(self[.properties]?["name"])
        case .screen:
            return text(self[.name]) ?? text(self[.event]) ?? text(self[.properties]?["name"])
        default: return nil
        }
    }

    /// The text of a value; nil for an empty one and for other kinds.
    private func text(_ value: JSONValue?) -> String? {
        guard let text = value?.string, !text.isEmpty else { return nil }
        return text
    }

    private func requireIdentity(of event: Event, _ ids: EventIDs) throws(Problem) {
        for field in [Field.properties, .traits] {
            guard let value = self[field], value.kind != .object else { continue }
            let key = field.spellings[0]
            throw Problem(
                code: "\(key)_not_object", message: "\"\(key)\" is not an object.",
                hint: "Send \"\(key)\" as { … }.")
        }
        guard event.userID == nil, event.anonymousID == nil,
            event.trait("email")?.string?.isEmpty ?? true
        else { return }
        throw Problem(
            code: "no_user_anon_id",
            message: "The event has neither a user id, nor an anonymous id, nor an email.",
            hint: hint(for: ids.placeholder))
    }

    private func hint(for placeholder: (field: String, text: String)?) -> String {
        let advice = "Send \"userId\", \"anonymousId\" or traits.email with it."
        guard let (field, text) = placeholder else { return advice }
        if text.withoutOuterBlanks.isEmpty { return "\"\(field)\" is empty. \(advice)" }
        return "\"\(field)\" is \"\(text.prefix(64))\", a placeholder that means nobody. \(advice)"
    }
}
