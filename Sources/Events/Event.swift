package import JSON

/// The kind of an event; each is one call of the SDKs.
package enum EventType: String, Sendable, CaseIterable {
    case track, page, screen, identify, group, alias
}

/// One event in canonical form: a thing that happened, and to whom.
///
/// The envelope's fields are read out once; everything else stays in `document`, byte for byte as
/// it came (or as it was repaired). Never changed, and therefore shared by all who work on it.
package final class Event: Sendable {
    /// The event's id; zero until the store has accepted the event.
    package let id: EventID
    /// The name of the source that sent it.
    package let source: String
    /// True when the event is believed about identity and consent; the key of a browser is public,
    /// and anybody can send with it.
    package let trusted: Bool
    /// The kind of event.
    package let type: EventType
    /// The name: `event` of a track; `name` of a page or screen, or what stands for it, which is
    /// `event` of a screen and `properties.name` of both.
    package let name: String?
    /// The sender's id for it, by which a repeat is recognised; empty until the store derives one,
    /// when the sender gave none.
    package let messageID: String
    /// The id of a known user.
    package let userID: String?
    /// The id of a visitor who is not known yet.
    package let anonymousID: String?
    /// Of an alias: the id that the user had before.
    package let previousID: String?
    /// Of a group call: the id of the group.
    package let groupID: String?
    /// The moment it happened, corrected for the sender's clock.
    package let timestamp: Timestamp
    /// The moment the sender sent it, by the sender's clock.
    package let sentAt: Timestamp?
    /// The moment it was received.
    package let receivedAt: Timestamp
    /// Repairs and warnings from its acceptance.
    package let marks: [Mark]
    /// The whole event as it came, or as it was repaired.
    package let document: JSONDocument
    private let sections: Sections

    /// An event with the fields that were read out of its document.
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

    /// The event as the store accepts it: with its id, and with a message id when it had none.
    package func accepted(as id: EventID) -> Event {
        Event(self, id: id, messageID: messageID.isEmpty ? id.text : messageID)
    }

    /// The event under another message id.
    package func withMessageID(_ messageID: String) -> Event {
        Event(self, id: id, messageID: messageID)
    }

    /// The event's `properties`; nil when it has none.
    package var properties: JSONValue? { section(sections.properties) }
    /// The event's `traits`; nil when it has none.
    package var traits: JSONValue? { section(sections.traits) }
    /// The event's `context`; nil when it has none.
    package var context: JSONValue? { section(sections.context) }
    /// The event's `category`, such as the section of a page; nil when it has none.
    package var category: JSONValue? { section(sections.category) }
    /// The event's `integrations`: which destinations it may go to; nil when it has none.
    package var integrations: JSONValue? { section(sections.integrations) }

    private func section(_ index: Int32) -> JSONValue? {
        index < 0 ? nil : JSONValue(document: document, index: Int(index))
    }

    /// The node of each of these parts in the document, found in one pass; -1 for none.
    private struct Sections {
        var properties: Int32 = -1
        var traits: Int32 = -1
        var context: Int32 = -1
        var integrations: Int32 = -1
        var category: Int32 = -1

        private static let keys = JSONKeySet([
            "properties", "traits", "context", "integrations", "category",
        ])

        init(_ root: JSONValue) {
            Self.keys.find(in: root) { name, value in
                let index = Int32(value.index)
                switch name {
                case 0: properties = index
                case 1: traits = index
                case 2: context = index
                case 3: integrations = index
                default: category = index
                }
            }
        }
    }

    /// A trait of the person: `traits.<key>`, else `context.traits.<key>`.
    package func trait(_ key: StaticString) -> JSONValue? {
        if let value = traits?[key], !value.isNull { return value }
        return contextTraits?[key]
    }

    /// The traits under `context`; nil when it has none.
    package var contextTraits: JSONValue? { context?[Self.traitsKey] }

    private static let traitsKey: JSONKey = "traits"

    /// The word for the event in the log: the name of a track, the type of any other.
    package var label: String { type == .track ? name ?? "track" : type.rawValue }
}
