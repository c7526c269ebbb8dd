import Events

/// The events table: one place that knows its columns, for writing and for reading.
final class EventTable {
    private let insert: Statement
    private let select: Statement

    static let columns = """
        events.id, sources.name, trusted, type, events.name, message_id, user_id, anonymous_id,
        previous_id, group_id, email, email_state, events.lane, happened_at, sent_at, received_at,
        marks, body
        """

    init(_ connection: Connection) throws(SQLiteError) {
        insert = try connection.prepare(
            """
            INSERT INTO events (id, source, trusted, type, name, message_id, user_id,
                anonymous_id, previous_id, group_id, email, email_state, lane, happened_at,
                sent_at, received_at, marks, user_key, email_key, body)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """)
        select = try connection.prepare(
            """
            SELECT \(Self.columns) FROM events JOIN sources ON sources.id = events.source
            WHERE events.id = ?
            """)
    }

    /// - Parameters:
    ///   - userKey: what the event is found by; see `KeyIndex`.
    ///   - emailKey: the same.
    func store(
        _ event: Event, _ identity: Identity, source: Int64, userKey: Int64?, emailKey: Int64?
    ) throws(SQLiteError) {
        insert.reset().bind(1, event.id.number).bind(2, source).bind(3, event.trusted ? 1 : 0)
            .bind(4, event.type.rawValue).bind(5, event.name).bind(6, event.messageID)
            .bind(7, event.userID).bind(8, event.anonymousID).bind(9, event.previousID)
            .bind(10, event.groupID).bind(11, identity.email)
            .bind(12, identity.emailState.rawValue).bind(13, identity.lane.number)
            .bind(14, event.timestamp.milliseconds).bind(15, event.sentAt?.milliseconds)
            .bind(16, event.receivedAt.milliseconds)
            .bind(17, event.marks.isEmpty ? "" : Self.text(event.marks))
            .bind(18, userKey).bind(19, emailKey)
            .bind(20, event.document.bytes)
        try insert.run()
    }

    private static func text(_ marks: [Event.Mark]) -> String {
        marks.map(\.rawValue).joined(separator: " ")
    }

    func load(_ id: EventID) throws -> (event: Event, identity: Identity)? {
        select.reset().bind(1, id.number)
        defer { select.reset() }
        guard try select.step() else { return nil }
        return try Self.read(select)
    }

    /// Reads a row that was selected with `columns`.
    static func read(_ row: Statement) throws -> (event: Event, identity: Identity) {
        let document = try row.blob(17).map { try JSONReader.read($0) } ?? .emptyObject
        let event = Event(
            id: EventID(number: row.int64(0)), source: row.text(1) ?? "",
            trusted: row.int(2) == 1, type: EventType(rawValue: row.text(3) ?? "") ?? .track,
            name: row.text(4), messageID: row.text(5) ?? "", userID: row.text(6),
            anonymousID: row.text(7), previousID: row.text(8), groupID: row.text(9),
            timestamp: Timestamp(milliseconds: row.int64(13)),
            sentAt: row.optionalInt64(14).map { Timestamp(milliseconds: $0) },
            receivedAt: Timestamp(milliseconds: row.int64(15)),
            marks: (row.text(16) ?? "").split(separator: " ").compactMap {
                Event.Mark(rawValue: String($0))
            }, document: document)
        let identity = Identity(
            userID: event.userID, email: row.text(10), anonymousID: event.anonymousID,
            emailState: Identity.EmailState(rawValue: row.text(11) ?? "") ?? .fine,
            lane: LaneKey(number: row.int64(12)))
        return (event, identity)
    }
}
