import Consent
package import Log
package import Events
import JSON
import Identify
import Pipeline
import Store

/// Reads the store's file without changing it; works beside a running server and without one.
package final class SQLiteLog: DeliveryLog {
    private let connection: Locked<Connection>
    private let hasher: Hasher128

    /// Opens the store of `directory` read-only.
    package init(directory: String) throws {
        let opened = try Connection(
            path: directory + "/sluice.db", mode: .readOnly, busyTimeout: .seconds(5))
        guard try opened.text("PRAGMA user_version") == String(Schema.migrations.count) else {
            throw Problem(
                code: "store_other_version",
                message: "The store in \(directory) was written by another version of Sluice.",
                hint:
                    "Start the server once with this version; it brings an older store up to date.")
        }
        hasher = Hasher128(key: try SQLiteSession.hashKey(opened))
        connection = Locked(opened)
    }

    package func event(_ id: EventID) throws -> EventRow? {
        try connection.withLock { connection in
            let select = try connection.prepare(EventTable.select)
            return try EventTable.load(id, by: select).map {
                EventRow(event: $0.event, identity: $0.identity)
            }
        }
    }

    package func person(_ key: IdentityKey) throws -> KnownPerson {
        try connection.withLock { connection in
            let person = try PersonTable(connection).row(hasher.digest(of: key))
            return KnownPerson(identity: person?.identity, standing: person?.standing)
        }
    }

    package func server() throws -> ServerRow {
        try connection.withLock { connection in
            let select = try connection.prepare(
                "SELECT key, CAST(value AS TEXT) FROM meta WHERE key IN (?, ?, ?)")
            select.bind(1, SQLiteSession.runningKey).bind(2, SQLiteSession.refusedKey)
                .bind(3, SQLiteSession.pressureKey)
            var texts: [String: String] = [:]
            while try select.step() { texts[select.text(0) ?? ""] = select.text(1) }
            return ServerRow(
                running: texts[SQLiteSession.runningKey].flatMap { PipelineChange(text: $0) },
                refused: texts[SQLiteSession.refusedKey].flatMap { PipelineChange(text: $0) },
                pressure: texts[SQLiteSession.pressureKey].flatMap {
                    ServerRow.Pressure(text: $0)
                })
        }
    }

    package func events(messageID: String) throws -> [EventID] {
        try connection.withLock { connection in
            let select = try connection.prepare(
                """
                \(KeyIndex.eventsOfMessage("SELECT id FROM sources"))
                UNION SELECT id FROM events
                    WHERE \(KeyIndex.unfolded) AND message_id IN (?1, ?3, ?4)
                ORDER BY event
                """)
            let digest = Hasher128.digest(ofMessageID: messageID)
            select.bind(1, messageID).bind(2, digest)
                .bind(3, EmptiedMessageID.text(digest, atOnce: true))
                .bind(4, EmptiedMessageID.text(digest, atOnce: false))
            return try Self.identifiers(select)
        }
    }

    package func events(of key: IdentityKey, limit: Int) throws -> [EventID] {
        try connection.withLock { connection in
            let select = try connection.prepare(
                "\(KeyIndex.events(of: "?1")) ORDER BY event DESC LIMIT ?2")
            let own = try Self.identifiers(select.bind(1, number(of: key)).bind(2, limit))
            guard key.kind == .user else { return own }
            let early = try earlyEvents(of: key.value, limit: limit, in: connection)
            return Array(Set(own + early).sorted(by: >).prefix(limit))
        }
    }

    /// Devices of a user that are looked at.
    private static let devicesMax = 100

    /// The events of a user's devices that came before the user was known.
    private func earlyEvents(
        of user: String, limit: Int, in connection: Connection
    ) throws -> [EventID] {
        let devices = try connection.prepare(
            "SELECT value FROM identities WHERE user_id = ? AND kind = 'anonymous' LIMIT ?")
        devices.bind(1, user).bind(2, Self.devicesMax)
        var found: [EventID] = []
        while try devices.step() {
            guard let device = devices.text(0) else { continue }
            let select = try connection.prepare(
                """
                SELECT id FROM events WHERE id IN (\(KeyIndex.events(of: "?1")))
                    AND owner_id = ?2 ORDER BY id DESC LIMIT ?3
                """)
            select.bind(1, number(of: IdentityKey(.anonymous, device))).bind(2, user)
            found += try Self.identifiers(select.bind(3, limit))
        }
        return found
    }

    package func firstEvent(
        of user: String, on device: String, after event: EventID
    ) throws -> EventID? {
        try connection.withLock { connection in
            let select = try connection.prepare(
                """
                SELECT id FROM events WHERE id IN (\(KeyIndex.events(of: "?1", after: "?2")))
                    AND anonymous_id = ?3 ORDER BY id LIMIT 1
                """)
            select.bind(1, number(of: IdentityKey(.user, user))).bind(2, event.number)
            return try Self.identifiers(select.bind(3, device)).first
        }
    }

    package func deliveries(of event: EventID) throws -> [DeliveryRow] {
        try connection.withLock { connection in
            let select = try connection.prepare(
                DeliveryColumn.select() + " WHERE d.event = ? ORDER BY destinations.id")
            return try DeliveryColumn.rows(select.bind(1, event.number))
        }
    }

    package func deliveries(_ filter: DeliveryFilter) throws -> [DeliveryRow] {
        try connection.withLock { connection in
            let search = try DeliverySearch(filter, connection, number: number(of:))
            return try DeliveryColumn.rows(search.statement)
        }
    }

    package func detail(_ id: DeliveryID) throws -> DeliveryDetail? {
        guard let row = try deliveries(of: id.event).first(where: { $0.id == id }),
            let event = try event(id.event)
        else { return nil }
        return try connection.withLock { connection in
            let destination = try connection.prepare(
                "SELECT id FROM destinations WHERE name = ?")
            _ = try destination.bind(1, id.destination).step()
            let number = destination.int64(0)
            let requests = try connection.prepare(PinnedRequests.select)
            requests.bind(1, id.event.number).bind(2, number)
            return DeliveryDetail(
                row: row, event: event, requests: try PinnedRequests.read(requests),
                attempts: try AttemptColumn.rows(
                    of: DeliveryPlace(id.event, number), connection))
        }
    }

    package func rejected(limit: Int) throws -> [RejectedRow] {
        try rejected("ORDER BY id DESC LIMIT ?") { $0.bind(1, limit) }
    }

    package func rejected(
        source: String, after number: Int64, limit: Int
    ) throws -> [RejectedRow] {
        try rejected("WHERE source = ? AND id > ? ORDER BY id LIMIT ?") {
            $0.bind(1, source).bind(2, number).bind(3, limit)
        }
    }

    private func rejected(
        _ condition: String, _ bind: (Statement) -> Statement
    ) throws -> [RejectedRow] {
        try connection.withLock { connection in
            let select = try connection.prepare("\(RejectionColumn.select) \(condition)")
            return try RejectionColumn.rows(bind(select))
        }
    }

    package func receipts(of id: String?) throws -> [ForgetReceipt] {
        try connection.withLock { connection in
            let keys = (id.map { IdentityKey.spellings(of: $0) } ?? [])
                .flatMap { [IdentityKey(.user, $0), IdentityKey(.email, $0)] }
            let hashes = keys.map { "'\(hexadecimal(hasher.digest(of: $0).bytes))'" }
            let ofPerson = id == nil ? "" : "AND subject IN (\(hashes.joined(separator: ", ")))"
            let select = try connection.prepare(
                """
                SELECT at, detail FROM audit WHERE action = ? \(ofPerson)
                GROUP BY at, detail ORDER BY min(id)
                """)
            select.bind(1, StoreWriter.receipts)
            var found: [ForgetReceipt] = []
            while try select.step() {
                found.append(
                    ForgetReceipt(
                        at: Timestamp(milliseconds: select.int64(0)), report: select.text(1) ?? ""))
            }
            return found
        }
    }

    package func identifiers(
        _ kind: IdentityKey.Kind, inEventsOf key: IdentityKey
    ) throws -> Set<String> {
        try connection.withLock { connection in
            try EventTable.identifiers(
                kind, inEventsOf: number(of: key), newest: .max, in: connection)
        }
    }

    package func unfoundEvents(ofDevices devices: Set<String>) throws -> [EventID] {
        try connection.withLock { connection in
            let last = try connection.text(
                "SELECT CAST(value AS TEXT) FROM meta WHERE key = 'devices_unfound'")
            guard let last, !devices.isEmpty else { return [] }
            let select = try connection.prepare(
                """
                SELECT id FROM events WHERE id <= CAST(? AS INTEGER) AND user_id IS NULL
                    AND anonymous_id IN (SELECT value FROM json_each(?)) ORDER BY id
                """)
            let list = JSONWriter.make { writer in
                writer.beginArray()
                for device in devices { writer.string(device) }
                writer.endArray()
            }
            select.bind(1, last).bind(2, String(decoding: list, as: UTF8.self))
            return try Self.identifiers(select)
        }
    }

    package func sources() throws -> [SourceRow] {
        try connection.withLock { try SourceColumn.rows($0) }
    }

    package func refusals() throws -> [RefusalRow] {
        try connection.withLock { try RefusalColumn.rows($0) }
    }

    package func destinations() throws -> [DestinationRow] {
        try connection.withLock { try DestinationColumn.rows($0) }
    }

    // MARK: Rows

    func number(of key: IdentityKey) -> Int64 { hasher.digest(of: key).number }

    static func identifiers(_ rows: Statement) throws -> [EventID] {
        var events: [EventID] = []
        while try rows.step() { events.append(EventID(number: rows.int64(0))) }
        return events
    }
}
