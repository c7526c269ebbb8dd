import Deliver
import Events
import Store

/// The destinations table, as far as it says how destinations stand; and the sources' last events.
final class DestinationTable {
    private let saveHold, selectHolder, saveRest: Statement
    private let saveDelivered, saveError, saveEvent: Statement

    init(_ connection: Connection) throws {
        saveHold = try connection.prepare(
            """
            UPDATE destinations SET held_since = ?, hold_status = ?, hold_hint = ?, hold_fix = ?,
                hold_delivery = ?, held_by_operator = ?, resting_until = NULL WHERE id = ?
            """)
        selectHolder = try connection.prepare(
            """
            SELECT held_by_operator FROM destinations
            WHERE id = ? AND (held_since IS NOT NULL OR held_by_operator = 1)
            """)
        saveRest = try connection.prepare(
            "UPDATE destinations SET resting_until = ?, resting_hint = ? WHERE id = ?")
        saveDelivered = try connection.prepare(
            "UPDATE destinations SET last_delivered_at = ? WHERE id = ?")
        saveError = try connection.prepare(
            "UPDATE destinations SET last_error = ?, last_error_at = ? WHERE id = ?")
        saveEvent = try connection.prepare("UPDATE sources SET last_event_at = ? WHERE id = ?")
    }

    func saveHold(_ hold: Hold?, of destination: DestinationNumber) throws {
        saveHold.reset().bind(1, hold?.since.milliseconds).bind(2, hold?.status)
            .bind(3, hold?.hint).bind(4, hold?.fix).bind(5, hold?.delivery)
            .bind(6, hold?.byOperator == true ? 1 : 0).bind(7, destination)
        try saveHold.run()
    }

    func holder(of destination: DestinationNumber) throws -> HoldKind? {
        selectHolder.reset().bind(1, destination)
        defer { selectHolder.reset() }
        guard try selectHolder.step() else { return nil }
        return selectHolder.int(0) == 1 ? .operatorOrder : .setup
    }

    func saveRest(_ rest: Rest?, of destination: DestinationNumber) throws {
        saveRest.reset().bind(1, rest?.until.milliseconds).bind(2, rest?.hint)
            .bind(3, destination)
        try saveRest.run()
    }

    func save(_ news: LastSeen.Pending) throws {
        for (source, moment) in news.lastEvents {
            try saveEvent.reset().bind(1, moment.milliseconds).bind(2, source).run()
        }
        for (destination, moment) in news.lastDelivered {
            try saveDelivered.reset().bind(1, moment.milliseconds).bind(2, destination).run()
        }
        for (destination, error) in news.lastErrors {
            saveError.reset().bind(1, error.text).bind(2, error.at.milliseconds)
                .bind(3, destination)
            try saveError.run()
        }
    }
}
