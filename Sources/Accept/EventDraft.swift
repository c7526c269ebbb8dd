import Events

/// An object on its way to becoming an event.
struct EventDraft {
    let document: JSONDocument
    let index: Int
    let sentAt: JSONValue?
    let repairs: Set<JSONRepair>
    let type: EventType?

    private var root: JSONValue { document.root }

    /// A field in either spelling; null is the same as absent.
    private func field(_ camel: StaticString, _ snake: StaticString) -> JSONValue? {
        for key in [camel, snake] {
            if let value = root[key], !value.isNull { return value }
        }
        return nil
    }

    var messageID: String? { field("messageId", "message_id")?.identifier }

    func event(
        from source: EventSource, at now: Timestamp, limits: AcceptLimits
    ) throws(Problem) -> Event {
        let size = document.bytes.count
        guard size <= limits.eventBytes else { throw Self.tooLarge(size, limits) }
        let type = try eventType()
        var event = Event(
            source: source.name, trusted: source.trusted, type: type, timestamp: now,
            receivedAt: now, document: document)
        try readIdentifiers(into: &event, limits)
        event.name = try name(for: type)
        try requireIdentity(of: event)
        readTimes(into: &event, now)
        event.marks += repairs.map { Event.Mark($0) }.sorted { $0.rawValue < $1.rawValue }
        if document.bytes.count > limits.eventBytesWarned { event.marks.append(.large) }
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
        guard let text = root["type"]?.string else {
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

    private func readIdentifiers(
        into event: inout Event, _ limits: AcceptLimits
    ) throws(Problem) {
        event.messageID =
            try identifier("messageId", "message_id", limits.messageIDLength) ?? ""
        event.userID = try identifier("userId", "user_id", limits.identifierLength)
        event.anonymousID = try identifier("anonymousId", "anonymous_id", limits.identifierLength)
        event.previousID = try identifier("previousId", "previous_id", limits.identifierLength)
        event.groupID = try identifier("groupId", "group_id", limits.identifierLength)
    }

    private func identifier(
        _ camel: StaticString, _ snake: StaticString, _ length: Int
    ) throws(Problem) -> String? {
        guard let value = field(camel, snake) else { return nil }
        if value.string?.isEmpty == true { return nil }
        guard let text = value.identifier else {
            throw Problem(
                code: "id_not_string", message: "\"\(camel)\" is not a string.",
                hint: "Send ids as strings.")
        }
        guard text.unicodeScalars.count < length, !text.unicodeScalars.contains("\0") else {
            throw Problem(
                code: "id_too_long",
                message:
                    "\"\(camel)\" must be shorter than \(length) characters, without NUL.",
                hint: "Send a shorter id.")
        }
        return text
    }

    private func name(for type: EventType) throws(Problem) -> String? {
        switch type {
        case .track:
            guard let value = field("event", "event") else {
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
        case .page, .screen: return root["name"]?.string
        default: return nil
        }
    }

    private func requireIdentity(of event: Event) throws(Problem) {
        for key in ["properties", "traits"] as [StaticString] {
            guard let value = root[key], !value.isNull, value.kind != .object else { continue }
            throw Problem(
                code: "\(key)_not_object", message: "\"\(key)\" is not an object.",
                hint: "Send \"\(key)\" as { … }.")
        }
        let email = event.trait("email")?.string ?? ""
        guard event.userID == nil, event.anonymousID == nil, email.isEmpty else { return }
        throw Problem(
            code: "no_user_anon_id",
            message: "The event has neither a user id, nor an anonymous id, nor an email.",
            hint: "Send \"userId\", \"anonymousId\" or traits.email with it.")
    }

    /// `timestamp = receivedAt − (sentAt − originalTimestamp)`, as Segment corrects clocks.
    private func readTimes(into event: inout Event, _ now: Timestamp) {
        let sent = field("sentAt", "sent_at") ?? sentAt
        event.sentAt = sent?.string.flatMap { Timestamp(iso8601: $0) }
        let given =
            field("originalTimestamp", "original_timestamp") ?? field("timestamp", "timestamp")
        guard let given else { return }
        guard let original = given.string.flatMap({ Timestamp(iso8601: $0) }) else {
            event.marks.append(.unreadableTimestamp)
            return
        }
        event.timestamp = event.sentAt.map { now + (original - $0) } ?? original
    }
}
