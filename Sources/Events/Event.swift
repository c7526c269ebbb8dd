package import JSON

/// The six kinds of event.
package enum EventType: String, Sendable, CaseIterable {
    case track, page, screen, identify, group, alias
}

/// One thing that happened, in canonical form.
///
/// The envelope's fields are read out once; everything else stays in `document`, byte for byte as
/// it came (or as it was repaired). Never changed, and therefore shared by all that work on it.
package final class Event: Sendable {
    /// Zero until the store has taken the event.
    package let id: EventID
    package let source: String
    /// Whether what the event says about identity and consent is believed (DESIGN: a browser key
    /// is public).
    package let trusted: Bool
    package let type: EventType
    /// The event's name: `event` of a track, `name` of a page or screen.
    package let name: String?
    /// Empty until the store derives one, when the sender gave none.
    package let messageID: String
    package let userID: String?
    package let anonymousID: String?
    package let previousID: String?
    package let groupID: String?
    /// When it happened, corrected for the sender's clock.
    package let timestamp: Timestamp
    package let sentAt: Timestamp?
    package let receivedAt: Timestamp
    /// What was noticed on the way in: repairs and warnings.
    package let marks: [Mark]
    package let document: JSONDocument
    private let sections: Sections

    package init(
        id: EventID = EventID(number: 0), source: String, trusted: Bool, type: EventType,
        name: String? = nil, messageID: String = "", userID: String? = nil,
        anonymousID: String? = nil, previousID: String? = nil, groupID: String? = nil,
        timestamp: Timestamp, sentAt: Timestamp? = nil, receivedAt: Timestamp, marks: [Mark] = [],
        document: JSONDocument
    ) {
        self.id = id
        self.source = source
        self.trusted = trusted
        self.type = type
        self.name = name
        self.messageID = messageID
        self.userID = userID
        self.anonymousID = anonymousID
        self.previousID = previousID
        self.groupID = groupID
        self.timestamp = timestamp
        self.sentAt = sentAt
        self.receivedAt = receivedAt
        self.marks = marks
        self.document = document
        sections = Sections(document.root)
    }

    private init(_ event: Event, id: EventID, messageID: String) {
        self.id = id
        self.messageID = messageID
        source = event.source
        trusted = event.trusted
        type = event.type
        name = event.name
        userID = event.userID
        anonymousID = event.anonymousID
        previousID = event.previousID
        groupID = event.groupID
        timestamp = event.timestamp
        sentAt = event.sentAt
        receivedAt = event.receivedAt
        marks = event.marks
        document = event.document
        sections = event.sections
    }

    /// The event as it is taken: with its id, and with a message id when the sender gave none.
    package func taken(as id: EventID) -> Event {
        Event(self, id: id, messageID: messageID.isEmpty ? id.text : messageID)
    }

    /// The event under another message id.
    package func named(_ messageID: String) -> Event {
        Event(self, id: id, messageID: messageID)
    }

    /// What was noticed on the way in; shown in the log with the event.
    package enum Mark: String, Sendable, CaseIterable {
        case nonFiniteNumber = "repaired:non_finite_number"
        case loneSurrogate = "repaired:lone_surrogate"
        /// Over 32 KB: accepted, but many services refuse it.
        case large = "warning:large_event"
        /// A `timestamp` that is no date; the time of receipt stands in.
        case unreadableTimestamp = "warning:unreadable_timestamp"

        package init(_ repair: JSONRepair) {
            switch repair {
            case .nonFiniteNumber: self = .nonFiniteNumber
            case .loneSurrogate: self = .loneSurrogate
            }
        }
    }

    // The parts of the document that are looked into again and again; nil when it has none.
    package var properties: JSONValue? { section(sections.properties) }
    package var traits: JSONValue? { section(sections.traits) }
    package var context: JSONValue? { section(sections.context) }
    package var integrations: JSONValue? { section(sections.integrations) }

    private func section(_ index: Int32) -> JSONValue? {
        index < 0 ? nil : JSONValue(document: document, index: Int(index))
    }

    /// Where these parts stand in the document; found in one pass.
    private struct Sections {
        var properties: Int32 = -1
        var traits: Int32 = -1
        var context: Int32 = -1
        var integrations: Int32 = -1

        private static let keys = JSONKeySet(["properties", "traits", "context", "integrations"])

        init(_ root: JSONValue) {
            Self.keys.find(in: root) { name, value in
                let index = Int32(value.index)
                switch name {
                case 0: properties = index
                case 1: traits = index
                case 2: context = index
                default: integrations = index
                }
            }
        }
    }

    /// `traits.<key>`, else `context.traits.<key>`.
    package func trait(_ key: StaticString) -> JSONValue? {
        if let value = traits?[key], !value.isNull { return value }
        return context?["traits"]?[key]
    }

    /// How the log calls this event: its name, or its type when it has none.
    package var label: String { type == .track ? name ?? "track" : type.rawValue }
}

extension String {
    /// Whether the text has fewer characters (Unicode scalars) than that.
    package func hasFewerScalars(than count: Int) -> Bool {
        // Each takes one byte at the least.
        utf8.count < count || unicodeScalars.count < count
    }
}

/// Event names are compared the way Vero folds them: case, spaces, `_` and `-` make no difference.
///
/// Source: Vero API reference, events/track ("upper/lower case, spaces and underscores are equal").
package func folded(_ name: String) -> String {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(name.utf8.count)
    for byte in name.utf8 {
        guard byte < 0x80 else {
            return String(name.lowercased().filter { $0 != " " && $0 != "_" && $0 != "-" })
        }
        if let byte = foldedByte(byte) { bytes.append(byte) }
    }
    return String(decoding: bytes, as: UTF8.self)
}

/// Whether a name, folded, is a text that is folded already.
package func folds(_ name: String, to text: String) -> Bool {
    var rest = text.utf8.makeIterator()
    for byte in name.utf8 {
        guard byte < 0x80 else { return folded(name) == text }
        if let byte = foldedByte(byte), rest.next() != byte { return false }
    }
    return rest.next() == nil
}

/// An ASCII byte in lower case; nil for those that make no difference.
private func foldedByte(_ byte: UInt8) -> UInt8? {
    switch byte {
    case 0x20, 0x5F, 0x2D: nil
    case 0x41...0x5A: byte | 0x20
    default: byte
    }
}
