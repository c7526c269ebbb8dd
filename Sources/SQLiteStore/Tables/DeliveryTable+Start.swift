import Deliver
import Events
import Store

/// Deliveries at a start and under orders: read, reopened, replayed, cancelled.
extension DeliveryTable {
    func forEachOpen(_ body: (OpenDelivery) -> Void) throws {
        let select = try connection.prepare(
            """
            SELECT destination, lane, event, passed, state = 'sending', \(Schema.timed),
                due_at IS NOT NULL
            FROM deliveries INDEXED BY deliveries_open WHERE \(Schema.open)
            ORDER BY destination, event
            """)
        while try select.step() {
            body(
                OpenDelivery(
                    place: DeliveryPlace(EventID(number: select.int64(2)), select.int64(0)),
                    lane: LaneKey(number: select.int64(1)), wasPassed: select.int(3) == 1,
                    isSending: select.int(4) == 1, isTimed: select.int(5) == 1,
                    isReady: select.int(6) == 1))
        }
    }

    func reopen(_ places: [DeliveryPlace], note: String, at moment: Timestamp) throws {
        let keep = try connection.prepare(
            """
            INSERT OR IGNORE INTO attempts (event, destination, run, number, step, started_at,
                class, note)
            SELECT event, destination, run, attempt, step, coalesce(opened_at, ?3), 'unknown', ?4
            FROM deliveries WHERE event = ?1 AND destination = ?2
            """)
        let reopen = try connection.prepare(
            """
            UPDATE deliveries SET state = 'retrying', due_at = ?3, opened_at = NULL
            WHERE event = ?1 AND destination = ?2
            """)
        for place in places {
            try keep.reset().bind(place, after: 0).bind(3, moment.milliseconds).bind(4, note).run()
            try reopen.reset().bind(place, after: 0).bind(3, moment.milliseconds).run()
        }
    }

    func countCrash(of place: DeliveryPlace) throws -> Int {
        let count = try connection.prepare(
            """
            INSERT INTO crashes VALUES (?, ?, 1)
            ON CONFLICT DO UPDATE SET count = count + 1 RETURNING count
            """)
        return try count.bind(place, after: 0).step() ? count.int(0) : 0
    }

    func beginRun(of place: DeliveryPlace, _ run: NextRun) throws -> Bool {
        let update = try connection.prepare(
            """
            UPDATE deliveries SET run = run + 1, state = ?, reason = ?, detail = ?, consent = ?,
                revision = coalesce(?, revision), attempt = 0, tries = 0, step = 0, status = NULL,
                due_at = ?, opened_at = NULL, ended_at = ?, passed = 0, out_of_order = 0,
                pinned = ?, lane = ?
            WHERE event = ? AND destination = ?
                AND state IN ('delivered', 'filtered', 'failed', 'expired', 'cancelled')
            """)
        update.bind(1, run.state.rawValue).bind(2, run.reason?.rawValue).bind(3, run.detail)
            .bind(4, run.consent?.text).bind(5, run.revision).bind(6, run.dueAt?.milliseconds)
            .bind(7, run.endedAt?.milliseconds).bind(8, run.pinned)
            .bind(9, run.lane.number).bind(place, after: 9)
        try update.run()
        return connection.changes == 1
    }

    func cancelWaiting(
        at destination: DestinationNumber, limit: Int, moment: Timestamp
    ) throws -> [LanePlace] {
        let update = try connection.prepare(
            """
            UPDATE deliveries SET state = 'cancelled', reason = 'dropped', due_at = NULL,
                ended_at = ?1
            WHERE destination = ?2 AND event IN (
                SELECT event FROM deliveries
                WHERE destination = ?2 AND state IN ('queued', 'retrying') AND \(Schema.open)
                ORDER BY event DESC LIMIT ?3)
            RETURNING event, lane
            """)
        return try lanePlaces(
            update.bind(1, moment.milliseconds).bind(2, destination).bind(3, limit))
    }

    func countSending(at destination: DestinationNumber) throws -> Int {
        let count = try connection.prepare(
            """
            SELECT count(*) FROM deliveries
            WHERE destination = ? AND state = 'sending' AND \(Schema.open)
            """)
        return try count.bind(1, destination).step() ? count.int(0) : 0
    }

    func endWaiting(
        of event: EventID, for reason: Reason, at moment: Timestamp
    ) throws -> [(destination: DestinationNumber, lane: LaneKey)] {
        let end = try connection.prepare(
            """
            UPDATE deliveries SET state = ?1, reason = ?2, due_at = NULL, ended_at = ?3
            WHERE event = ?4 AND state IN ('queued', 'retrying') AND \(Schema.open)
            RETURNING destination, lane
            """)
        end.bind(1, reason.state.rawValue).bind(2, reason.rawValue).bind(3, moment.milliseconds)
            .bind(4, event.number)
        var ended: [(destination: DestinationNumber, lane: LaneKey)] = []
        while try end.step() { ended.append((end.int64(0), LaneKey(number: end.int64(1)))) }
        return ended
    }
}
