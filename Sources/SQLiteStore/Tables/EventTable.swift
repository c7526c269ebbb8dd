import Events
import Store
import JSON

/// The events table: one place that knows its columns, for writing and for reading.
final class EventTable: TransactionParticipant {
    private let new: RowInserter<EventRecord>
    private let select, selectSource: Statement

    static let columns = """
        events.id, sources.name, trusted, type, events.name, message_id, user_id, anonymous_id,
        previous_id, group_id, email, email_state, events.lane, happened_at, sent_at, received_at,
        marks, body, owner_id, former_id
        """
    static let columnCount: Int32 = 20

    /// One event; its id is ?1.
    static let select = """
        SELECT \(columns) FROM events JOIN sources ON sources.id = events.source
        WHERE events.id = ?
        """

    /// Identifiers that stand in the newest events of a user id or an email.
    static func identifiers(
        _ kind: IdentityKey.Kind, inEventsOf key: Int64, newest limit: Int,
        in connection: Connection
    ) throws -> Set<String> {
        let column =
            switch kind {
            case .user: "user_id"
            case .email: "email"
            case .anonymous: "anonymous_id"
            }
        let select = try connection.prepare(
            """
            SELECT DISTINCT \(column) FROM events WHERE \(column) IS NOT NULL AND id IN (
                SELECT event FROM (\(KeyIndex.events(of: "?1"))) ORDER BY event DESC LIMIT ?2)
            """)
        select.bind(1, key).bind(2, limit)
        var texts: Set<String> = []
        while try select.step() { if let text = select.text(0) { texts.insert(text) } }
        return texts
    }

    init(_ connection: Connection) throws {
        new = try RowInserter(
            connection,
            sql: """
                INSERT INTO events (id, source, trusted, type, name, message_id, user_id,
                    anonymous_id, previous_id, group_id, email, email_state, lane, happened_at,
                    sent_at, received_at, marks, user_key, email_key, body, owner_id, former_id)
                """, columns: 22
        ) { $0.bind(to: $1, after: $2) }
        select = try connection.prepare(Self.select)
        selectSource = try connection.prepare(
            """
            SELECT sources.name FROM events JOIN sources ON sources.id = events.source
            WHERE events.id = ?
            """)
    }

    /// Gathers a new event; it is in the file after `flush`.
    func insert(_ event: EventRecord) { new.insert(event) }

    func flush() throws { try new.flush() }

    func keep() {}

    func undo() { new.discard() }

    func load(_ id: EventID) throws -> (event: Event, identity: Identity)? {
        try Self.load(id, by: select)
    }

    /// The name of the source an event came from.
    func source(of event: EventID) throws -> String? {
        selectSource.reset().bind(1, event.number)
        defer { selectSource.reset() }
        return try selectSource.step() ? selectSource.text(0) : nil
    }

    /// Reads one event.
    ///
    /// - Parameter select: prepared from `select`, on any connection.
    static func load(
        _ id: EventID, by select: Statement
    ) throws -> (event: Event, identity: Identity)? {
        select.reset().bind(1, id.number)
        defer { select.reset() }
        return try select.step() ? read(select) : nil
    }

    /// Reads a row that was selected with `columns`.
    static func read(_ row: Statement) throws(JSONError) -> (event: Event, identity: Identity) {
        let body = row.blob(17)
        let document = if let body { try JSONReader.read(body) } else { JSONDocument.emptyObject }
        let event = Event(
            id: EventID(number: row.int64(0)), source: row.text(1) ?? "",
            trusted: row.int(2) == 1, type: EventType(rawValue: row.text(3) ?? "") ?? .track,
            name: row.text(4), messageID: EmptiedMessageID.shown(row.text(5) ?? ""),
            userID: row.text(6),
            anonymousID: row.text(7), previousID: row.text(8), groupID: row.text(9),
            timestamp: Timestamp(milliseconds: row.int64(13)),
            sentAt: row.optionalInt64(14).map { Timestamp(milliseconds: $0) },
            receivedAt: Timestamp(milliseconds: row.int64(15)),
            marks: row.text(16).map { Event.Mark.marks(stored: $0) } ?? [], document: document)
        let identity = Identity(
            userID: event.userID, email: row.text(10), anonymousID: event.anonymousID,
            ownerID: row.text(18), formerID: row.text(19),
            emailState: Identity.EmailState(rawValue: row.text(11) ?? "") ?? .fine,
            lane: LaneKey(number: row.int64(12)))
        return (event, identity)
    }
}

extension EventRecord {
    fileprivate func bind(to insert: Statement, after index: Int32) {
        insert.bind(index + 1, event.id.number).bind(index + 2, source)
            .bind(index + 3, event.trusted ? 1 : 0).bind(index + 4, event.type.rawValue)
            .bind(index + 5, event.name).bind(index + 6, event.messageID)
            .bind(index + 7, event.userID).bind(index + 8, event.anonymousID)
            .bind(index + 9, event.previousID).bind(index + 10, event.groupID)
            .bind(index + 11, identity.email).bind(index + 12, identity.emailState.rawValue)
            .bind(index + 13, identity.lane.number)
            .bind(index + 14, event.timestamp.milliseconds)
            .bind(index + 15, event.sentAt?.milliseconds)
            .bind(index + 16, event.receivedAt.milliseconds)
            .bind(index + 17, event.marks.isEmpty ? "" : Event.Mark.stored(event.marks))
            .bind(index + 18, userKey).bind(index + 19, emailKey)
            .bind(index + 20, event.document.bytes).bind(index + 21, identity.ownerID)
            .bind(index + 22, identity.formerID)
    }
}
