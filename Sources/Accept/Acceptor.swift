package import Events

/// Why a whole body cannot be used; nothing of it is kept.
package typealias BodyProblem = Problem

/// One event that cannot be used, though its body could be read.
package struct Rejection: Error, Sendable {
    /// Position in the batch, from 0.
    package let index: Int
    package let messageID: String?
    package let problem: Problem
    /// The event as it came.
    package let body: [UInt8]

    package init(index: Int, messageID: String?, problem: Problem, body: [UInt8]) {
        self.index = index
        self.messageID = messageID
        self.problem = problem
        self.body = body
    }
}

/// What a request's body said, event by event, in order.
package struct Envelope: Sendable {
    package var events: [(index: Int, event: Event)]
    package var rejections: [Rejection]

    package init(events: [(index: Int, event: Event)] = [], rejections: [Rejection] = []) {
        self.events = events
        self.rejections = rejections
    }
}

/// Turns request bodies into events: reads strictly, checks limits, corrects the sender's clock.
package struct Acceptor: Sendable {
    package let limits: AcceptLimits

    package init(limits: AcceptLimits = AcceptLimits()) { self.limits = limits }

    /// Reads a body's JSON, with the repairs of DESIGN §4.
    package func read(
        _ bytes: [UInt8]
    ) throws(BodyProblem) -> (document: JSONDocument, repairs: [RepairedPlace]) {
        do {
            return try JSONReader.readRepairing(bytes)
        } catch {
            throw Problem(
                code: error.code.rawValue, message: "\(error.message) (byte \(error.offset))",
                hint: hint(for: error.code))
        }
    }

    /// A body that is one event.
    ///
    /// `type` is the route's; nil when the event names its own.
    package func single(
        _ bytes: [UInt8], type: EventType?, from source: EventSource, at now: Timestamp
    ) throws(BodyProblem) -> Envelope {
        let (document, repairs) = try read(bytes)
        return try single(document, repairs, type: type, from: source, at: now)
    }

    /// The same from a body that was read before, for its key.
    package func single(
        _ document: JSONDocument, _ repairs: [RepairedPlace], type: EventType?,
        from source: EventSource, at now: Timestamp
    ) throws(BodyProblem) -> Envelope {
        guard document.root.kind == .object else { throw notAnObject("The body") }
        let draft = EventDraft(
            document: document, index: 0, sentAt: nil, repairs: Set(repairs.map(\.repair)),
            type: type)
        return envelope(of: [draft], from: source, at: now)
    }

    /// A body of the form `{"batch": […]}`; what stands beside `batch` is merged into each event.
    package func batch(
        _ bytes: [UInt8], from source: EventSource, at now: Timestamp
    ) throws(BodyProblem) -> Envelope {
        let (document, repairs) = try read(bytes)
        return try batch(document, repairs, from: source, at: now)
    }

    /// The same from a body that was read before, for its key.
    package func batch(
        _ document: JSONDocument, _ repairs: [RepairedPlace], from source: EventSource,
        at now: Timestamp
    ) throws(BodyProblem) -> Envelope {
        let root = document.root
        guard root.kind == .object else { throw notAnObject("The body") }
        guard let batch = root["batch"], batch.kind == .array else {
            throw Problem(
                code: "no_batch", message: "The body has no array under \"batch\".",
                hint: "Send {\"batch\": [ {\"type\": \"track\", …}, … ]}.")
        }
        let items = batch.elements
        guard items.count <= limits.batchEvents else {
            throw Problem(
                code: "too_many_events",
                message: "The batch has \(items.count) events; \(limits.batchEvents) are allowed.",
                hint: "Send smaller batches.")
        }
        let shared = SharedFields(root)
        var drafts: [EventDraft] = []
        var envelope = Envelope()
        for (index, item) in items.enumerated() {
            guard item.kind == .object else {
                let problem = notAnObject("The event")
                envelope.rejections.append(
                    Rejection(
                        index: index, messageID: nil, problem: problem, body: Array(item.raw)))
                continue
            }
            let mine = repairs.filter {
                item.range.contains($0.offset) || !batch.range.contains($0.offset)
            }
            drafts.append(
                EventDraft(
                    document: shared.merged(into: item), index: index, sentAt: shared.sentAt,
                    repairs: Set(mine.map(\.repair)), type: nil))
        }
        let rest = self.envelope(of: drafts, from: source, at: now)
        envelope.events = rest.events
        envelope.rejections += rest.rejections
        return envelope
    }

    private func envelope(
        of drafts: [EventDraft], from source: EventSource, at now: Timestamp
    ) -> Envelope {
        var envelope = Envelope()
        for draft in drafts {
            do {
                let event = try draft.event(from: source, at: now, limits: limits)
                envelope.events.append((draft.index, event))
            } catch {
                envelope.rejections.append(
                    Rejection(
                        index: draft.index, messageID: draft.messageID, problem: error,
                        body: draft.document.bytes))
            }
        }
        return envelope
    }

    private func notAnObject(_ what: String) -> Problem {
        Problem(
            code: "not_an_object", message: "\(what) is not a JSON object.",
            hint: "Send an event as { … }.")
    }

    private func hint(for code: JSONError.Code) -> String {
        switch code {
        case .empty: "Send an event as a JSON object."
        case .encoding: "Send the body as UTF-8."
        case .syntax: "Correct the JSON at that byte; a JSON library never writes this."
        case .duplicateKey: "Give each key of an object once."
        case .depth: "Flatten the event; at most \(JSONReader.maximumDepth) levels are read."
        case .size: "Send smaller batches."
        }
    }
}

/// Who sent an event, as far as accepting it goes.
package struct EventSource: Sendable {
    package let name: String
    package let trusted: Bool

    package init(name: String, trusted: Bool) {
        self.name = name
        self.trusted = trusted
    }
}

/// What a batch says once for all its events.
private struct SharedFields {
    let context: JSONValue?
    let integrations: JSONValue?
    let sentAt: JSONValue?

    init(_ root: JSONValue) {
        func object(_ key: JSONKey) -> JSONValue? {
            guard let value = root[key], value.kind == .object, !value.isEmpty else { return nil }
            return value
        }
        context = object("context")
        integrations = object("integrations")
        sentAt = root["sentAt"] ?? root["sent_at"]
    }

    /// The event as a document of its own: its bytes, with the batch's fields where it lacks them.
    func merged(into item: JSONValue) -> JSONDocument {
        var bytes = Array(item.raw)
        if context != nil || integrations != nil {
            bytes = JSONWriter.make { writer in
                writer.beginObject()
                for member in item.members where !isMerged(member.key.string) {
                    writer.key(quoted: member.key.raw)
                    writer.value(member.value)
                }
                merge("context", context, item["context"], into: &writer)
                merge("integrations", integrations, item["integrations"], into: &writer)
                writer.endObject()
            }
        }
        // A slice of a checked text, or written from such slices: it can be read again.
        return (try? JSONReader.read(bytes)) ?? .emptyObject
    }

    private func isMerged(_ key: String?) -> Bool {
        key == "context" && context != nil || key == "integrations" && integrations != nil
    }

    private func merge(
        _ name: String, _ shared: JSONValue?, _ own: JSONValue?, into writer: inout JSONWriter
    ) {
        guard let shared else { return }
        writer.key(name)
        if let own, own.kind != .object, !own.isNull {
            writer.value(own)
            return
        }
        writer.beginObject()
        for member in shared.members where own?[member.key.string ?? ""] == nil {
            writer.key(quoted: member.key.raw)
            writer.value(member.value)
        }
        for member in own?.members ?? [] {
            writer.key(quoted: member.key.raw)
            writer.value(member.value)
        }
        writer.endObject()
    }
}

/// An object on its way to becoming an event.
private struct EventDraft {
    let document: JSONDocument
    let index: Int
    let sentAt: JSONValue?
    let repairs: Set<JSONRepair>
    let type: EventType?

    private var root: JSONValue { document.root }

    /// A field in either spelling; null is the same as absent.
    private func field(_ camel: JSONKey, _ snake: JSONKey) -> JSONValue? {
        let value = root[camel] ?? root[snake]
        return value?.isNull == true ? nil : value
    }

    var messageID: String? { field("messageId", "message_id")?.identifier }

    func event(
        from source: EventSource, at now: Timestamp, limits: AcceptLimits
    ) throws(Problem) -> Event {
        guard document.bytes.count <= limits.eventBytes else {
            throw Problem(
                code: "event_too_large",
                message:
                    "The event has \(document.bytes.count) bytes; \(limits.eventBytes) are allowed.",
                hint: "Leave large values out of the event.")
        }
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
        _ camel: JSONKey, _ snake: JSONKey, _ length: Int
    ) throws(Problem) -> String? {
        guard let value = field(camel, snake) else { return nil }
        if value.string?.isEmpty == true { return nil }
        guard let text = value.identifier else {
            throw Problem(
                code: "id_not_string", message: "\"\(camel.text)\" is not a string.",
                hint: "Send ids as strings.")
        }
        guard text.count < length, !text.unicodeScalars.contains("\0") else {
            throw Problem(
                code: "id_too_long",
                message:
                    "\"\(camel.text)\" must be shorter than \(length) characters, without NUL.",
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
        for (key, problem) in [("properties", "properties"), ("traits", "traits")] {
            guard let value = root[key], !value.isNull, value.kind != .object else { continue }
            throw Problem(
                code: "\(problem)_not_object", message: "\"\(key)\" is not an object.",
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
