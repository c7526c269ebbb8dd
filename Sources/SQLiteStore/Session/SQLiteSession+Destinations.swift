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

    func saveRest(_ rest: Rest?, of destination: DestinationNumber) throws {
        try destinationTable.saveRest(rest, of: destination)
    }

    func removeRests() throws {
        try connection.execute("UPDATE destinations SET resting_until = NULL")
    }

    func saveEnabled(_ isEnabled: Bool, of destination: DestinationNumber) throws {
        let save = try prepared("UPDATE destinations SET is_enabled = ? WHERE id = ?")
        try save.bind(1, isEnabled ? 1 : 0).bind(2, destination).run()
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
}
