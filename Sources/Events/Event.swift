/// The six kinds of event.
package enum EventType: String, Sendable, CaseIterable {
    case track, page, screen, identify, group, alias
}

/// One thing that happened, in canonical form.
///
/// The envelope's fields are read out once; everything else stays in `document`, byte for byte as
/// it came (or as it was repaired).
package struct Event: Sendable {
    /// Zero until the store has taken the event.
    package var id: EventID
    package var source: String
    /// Whether what the event says about identity and consent is believed (DESIGN: a browser key
    /// is public).
    package var trusted: Bool
    package var type: EventType
    /// The event's name: `event` of a track, `name` of a page or screen.
    package var name: String?
    /// Empty until the store derives one, when the sender gave none.
    package var messageID: String
    package var userID: String?
    package var anonymousID: String?
    package var previousID: String?
    package var groupID: String?
    /// When it happened, corrected for the sender's clock.
    package var timestamp: Timestamp
    package var sentAt: Timestamp?
    package var receivedAt: Timestamp
    /// What was noticed on the way in: repairs and warnings.
    package var marks: [Mark]
    package var document: JSONDocument

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

    /// `traits.<key>`, else `context.traits.<key>`.
    package func trait(_ key: StaticString) -> JSONValue? {
        if let value = document.root["traits"]?[key], !value.isNull { return value }
        return document.root["context"]?["traits"]?[key]
    }

    /// How the log calls this event: its name, or its type when it has none.
    package var label: String { type == .track ? name ?? "track" : type.rawValue }
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
