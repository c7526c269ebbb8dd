import Deliver
import Events
import Store

/// The destinations table, as far as it says how destinations stand; and the sources' last events.
final class DestinationTable {
    private let saveHold, select, saveRest, savePause, saveSuspects: Statement
    private let saveDelivered, saveError, saveRefused, saveEvent: Statement

    init(_ connection: Connection) throws {
        saveHold = try connection.prepare(
            """
            UPDATE destinations SET held_since = ?, hold_status = ?, hold_hint = ?, hold_fix = ?,
                hold_delivery = ?, held_by_operator = ?, resting_until = NULL, resting_since = NULL
            WHERE id = ?
            """)
        select = try connection.prepare(
            """
            SELECT held_since IS NOT NULL, held_by_operator, resting_until, paused_since,
                paused_until, suspects, refused_in_a_row
            FROM destinations WHERE id = ?
            """)
        savePause = try connection.prepare(
            "UPDATE destinations SET paused_since = ?, paused_until = ? WHERE id = ?")
        saveSuspects = try connection.prepare(
            "UPDATE destinations SET suspects = ? WHERE id = ?")
        saveRefused = try connection.prepare(
            "UPDATE destinations SET refused_in_a_row = ? WHERE id = ?")
        saveRest = try connection.prepare(
            """
            UPDATE destinations SET resting_until = ?1, resting_hint = ?2, resting_since =
                CASE WHEN ?1 IS NULL THEN NULL ELSE coalesce(resting_since, ?3) END
            WHERE id = ?4
            """)
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

    func record(of destination: DestinationNumber) throws -> DestinationRecord {
        select.reset().bind(1, destination)
        defer { select.reset() }
        guard try select.step() else { return DestinationRecord() }
        let isOperators = select.int(1) == 1
        let isHeld = select.int(0) == 1 || isOperators
        return DestinationRecord(
            hold: isHeld ? isOperators ? .operatorOrder : .setup : nil, pause: pause(select),
            restingUntil: select.moment(2), suspects: Suspects(text: select.text(5) ?? ""),
            refusedInARow: select.int(6))
    }

    private func pause(_ row: Statement) -> Pause? {
        guard let since = row.moment(3), let until = row.moment(4) else { return nil }
        return Pause(since: since, until: until)
    }

    func savePause(_ pause: Pause?, of destination: DestinationNumber) throws {
        savePause.reset().bind(1, pause?.since.milliseconds).bind(2, pause?.until.milliseconds)
            .bind(3, destination)
        try savePause.run()
    }

    func saveSuspects(_ suspects: Suspects, of destination: DestinationNumber) throws {
        try saveSuspects.reset().bind(1, suspects.text).bind(2, destination).run()
    }

    func saveRest(
        _ rest: Rest?, of destination: DestinationNumber, at moment: Timestamp
    ) throws {
        saveRest.reset().bind(1, rest?.until.milliseconds).bind(2, rest?.hint)
            .bind(3, moment.milliseconds).bind(4, destination)
        try saveRest.run()
    }

    func save(_ news: LastSeen.Pending) throws {
        for (source, moment) in news.lastEvents {
            try saveEvent.reset().bind(1, moment.milliseconds).bind(2, source).run()
        }
        for (destination, moment) in news.lastDelivered {
            try saveDelivered.reset().bind(1, moment.milliseconds).bind(2, destination).run()
        }
        for (destination, count) in news.refusedInARow {
            try saveRefused.reset().bind(1, count).bind(2, destination).run()
        }
        for (destination, error) in news.lastErrors {
            saveError.reset().bind(1, error.text).bind(2, error.at.milliseconds)
                .bind(3, destination)
            try saveError.run()
        }
    }
}

extension Statement {
    /// A column with a time in milliseconds; nil when it is empty.
    fileprivate func moment(_ column: Int32) -> Timestamp? {
        optionalInt64(column).map { Timestamp(milliseconds: $0) }
    }
}
