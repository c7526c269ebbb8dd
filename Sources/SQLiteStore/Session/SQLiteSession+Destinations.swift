import Accept
import Deliver
import Events
import Map
import Pipeline
import Store

/// How sources and destinations stand.
extension SQLiteSession {
    func number(ofDestination name: String) throws -> DestinationNumber {
        try destinationNames.number(of: name)
    }

    var destinations: [String: DestinationNumber] { destinationNames.numbers }

    func saveHold(_ hold: Hold?, of destination: DestinationNumber) throws {
        try destinationTable.saveHold(hold, of: destination)
    }

    func record(of destination: DestinationNumber) throws -> DestinationRecord {
        try destinationTable.record(of: destination)
    }

    func savePause(_ pause: Pause?, of destination: DestinationNumber) throws {
        try destinationTable.savePause(pause, of: destination)
    }

    func saveSuspects(_ suspects: Suspects, of destination: DestinationNumber) throws {
        try destinationTable.saveSuspects(suspects, of: destination)
    }

    func saveRest(
        _ rest: Rest?, of destination: DestinationNumber, at moment: Timestamp
    ) throws {
        try destinationTable.saveRest(rest, of: destination, at: moment)
    }

    func removeRests() throws {
        try connection.execute(
            "UPDATE destinations SET resting_until = NULL, resting_since = NULL")
    }

    func saveDestinations(_ destinations: [Destination], areAll: Bool) throws {
        if areAll { try connection.execute("UPDATE destinations SET is_configured = 0") }
        let update = try prepared(
            """
            UPDATE destinations SET is_configured = 1, is_enabled = ?, host = ? WHERE id = ?
            """)
        for destination in destinations {
            let number = try number(ofDestination: destination.name)
            try update.reset().bind(1, destination.isEnabled ? 1 : 0).bind(2, destination.host)
                .bind(3, number).run()
        }
    }

    func keepBlueprint(of destination: Destination, at moment: Timestamp) throws {
        let blueprint = destination.blueprint
        let insert = try connection.prepare(
            "INSERT OR IGNORE INTO blueprints VALUES (?, ?, ?, ?)")
        insert.bind(1, blueprint.revision).bind(2, blueprint.name).bind(3, blueprint.text)
            .bind(4, moment.milliseconds)
        try insert.run()
    }

    func saveSources(_ rules: [SourceRules]) throws {
        try connection.execute("UPDATE sources SET is_configured = 0")
        let update = try connection.prepare(
            "UPDATE sources SET kind = ?, off_reason = ?, is_configured = 1 WHERE id = ?")
        for source in rules {
            update.reset().bind(1, source.kind).bind(2, source.offReason)
                .bind(3, try sources.number(of: source.name))
            try update.run()
        }
    }

    func save(_ news: LastSeen.Pending) throws { try destinationTable.save(news) }

    func save(_ refused: [RefusedCalls.Count]) throws {
        let save = try prepared(
            """
            INSERT INTO refusals VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT DO UPDATE SET count = count + excluded.count, last_at = excluded.last_at,
                path = excluded.path, origin = excluded.origin,
                user_agent = excluded.user_agent, key_ending = excluded.key_ending
            """)
        for count in refused {
            let call = count.last
            save.reset().bind(1, call.source ?? "").bind(2, call.code).bind(3, count.number)
                .bind(4, count.first.milliseconds).bind(5, call.at.milliseconds)
                .bind(6, call.path).bind(7, call.origin).bind(8, call.userAgent)
                .bind(9, call.keyEnding)
            try save.run()
        }
    }

    func removeRefused(before moment: Timestamp) throws {
        try prepared("DELETE FROM refusals WHERE last_at < ?").bind(1, moment.milliseconds).run()
    }
}
