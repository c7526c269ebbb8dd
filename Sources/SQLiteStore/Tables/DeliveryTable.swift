import Consent
import Deliver
import Events
import JSON
import Pipeline
import Store

/// The deliveries and attempts tables, as the writer changes them.
///
/// New rows, first successes and attempts are gathered; `flush` writes them.
final class DeliveryTable: TransactionParticipant {
    private let new: RowInserter<DeliveryRecord>
    private let attempts: RowInserter<(outcome: Outcome, destination: DestinationNumber)>
    private let successes: DeliveredRows
    private let ready, opened: DeliveryUpdate
    private let change, giveBack, end, outOfOrder: Statement
    private let dueByTime, dueByAge, nextDue, move, load, selectRequests: Statement
    private let selectState, selectOpen, selectPinnedRun: Statement
    let connection: Connection

    init(_ connection: Connection) throws {
        self.connection = connection
        new = try RowInserter(connection, sql: DeliverySQL.insert, columns: 13) {
            $0.bind(to: $1, after: $2)
        }
        attempts = try RowInserter(connection, sql: DeliverySQL.insertAttempt, columns: 15) {
            Self.bind($0.outcome, $0.destination, to: $1, after: $2)
        }
        successes = try DeliveredRows(connection)
        ready = try DeliveryUpdate(connection, set: DeliverySQL.ready)
        opened = try DeliveryUpdate(connection, set: DeliverySQL.open)
        change = try connection.prepare(DeliverySQL.change)
        giveBack = try connection.prepare(DeliverySQL.giveBack)
        end = try connection.prepare(DeliverySQL.end)
        outOfOrder = try connection.prepare(DeliverySQL.outOfOrder)
        dueByTime = try connection.prepare(DeliverySQL.dueByTime)
        dueByAge = try connection.prepare(DeliverySQL.dueByAge)
        nextDue = try connection.prepare(DeliverySQL.nextDue)
        move = try connection.prepare(DeliverySQL.moveDueTimes)
        load = try connection.prepare(DeliverySQL.load)
        selectRequests = try connection.prepare(PinnedRequests.select)
        selectState = try connection.prepare(DeliverySQL.selectState)
        selectOpen = try connection.prepare(DeliverySQL.selectOpen)
        selectPinnedRun = try connection.prepare(DeliverySQL.selectPinnedRun)
    }

    /// Writes the gathered rows.
    func flush() throws {
        try new.flush()
        try successes.flush()
        try attempts.flush()
    }

    /// Writes the new deliveries.
    func flushNew() throws { try new.flush() }

    func keep() {}

    func undo() {
        new.discard()
        successes.discard()
        attempts.discard()
    }

    // MARK: Changes

    func insert(_ delivery: DeliveryRecord) { new.insert(delivery) }

    func recordFirstSuccess(
        _ outcome: Outcome, at destination: DestinationNumber, status: Int
    ) {
        successes.add(outcome, at: destination, status: status)
        insertAttempt(outcome, at: destination)
    }

    func insertAttempt(_ outcome: Outcome, at destination: DestinationNumber) {
        attempts.insert((outcome, destination))
    }

    func apply(_ next: DeliveryChange, to place: DeliveryPlace, run: Int) throws -> Bool {
        change.reset().bind(1, next.state.rawValue).bind(2, next.reason?.rawValue)
            .bind(3, next.detail).bind(4, next.revision).bind(5, next.attempt)
            .bind(6, next.tries).bind(7, next.step).bind(8, next.status)
            .bind(9, next.dueAt?.milliseconds).bind(10, next.openedAt?.milliseconds)
            .bind(11, next.endedAt?.milliseconds).bind(12, next.passes ? 1 : 0)
            .bind(place, after: 12).bind(15, run)
        try change.run()
        return connection.changes == 1
    }

    func giveBack(_ place: DeliveryPlace, at moment: Timestamp) throws -> Bool {
        try giveBack.reset().bind(1, moment.milliseconds).bind(place, after: 1).run()
        return connection.changes == 1
    }

    func open(_ events: [EventID], at destination: DestinationNumber, moment: Timestamp) throws {
        try opened.run(events.map(\.number), at: destination) { $0.bind(1, moment.milliseconds) }
    }

    func end(_ place: DeliveryPlace, as end: DeliveryEnd, at moment: Timestamp) throws -> LaneKey? {
        self.end.reset().bind(1, end.reason.state.rawValue).bind(2, end.reason.rawValue)
            .bind(3, end.detail).bind(4, end.consent?.text).bind(5, moment.milliseconds)
            .bind(place, after: 5)
        defer { self.end.reset() }
        return try self.end.step() ? LaneKey(number: self.end.int64(0)) : nil
    }

    func markReady(
        _ events: [EventID], at destination: DestinationNumber, moment: Timestamp
    ) throws {
        try ready.run(events.map(\.number), at: destination) { $0.bind(1, moment.milliseconds) }
    }

    func markOutOfOrder(_ place: DeliveryPlace) throws {
        try outOfOrder.reset().bind(place, after: 0).run()
    }

    // MARK: Deliveries that are due

    func due(
        at destination: DestinationNumber, until moment: Timestamp, order: DueOrder, limit: Int
    ) throws -> [LanePlace] {
        let select = order == .dueTime ? dueByTime : dueByAge
        select.reset().bind(1, destination).bind(2, moment.milliseconds).bind(3, limit)
        defer { select.reset() }
        return try lanePlaces(select)
    }

    func lanePlaces(_ rows: Statement) throws -> [LanePlace] {
        var found: [LanePlace] = []
        while try rows.step() {
            found.append(
                LanePlace(
                    event: EventID(number: rows.int64(0)), lane: LaneKey(number: rows.int64(1))))
        }
        return found
    }

    func nextDue(at destination: DestinationNumber) throws -> Timestamp? {
        nextDue.reset().bind(1, destination)
        defer { nextDue.reset() }
        return try nextDue.step() ? Timestamp(milliseconds: nextDue.int64(0)) : nil
    }

    func moveDueTimes(
        at destination: DestinationNumber, laterThan bound: Timestamp, by step: Duration
    ) throws -> Bool {
        move.reset().bind(1, step.milliseconds).bind(2, destination).bind(3, bound.milliseconds)
        try move.run()
        return connection.changes > 0
    }

    func capDueTimes(
        at destination: DestinationNumber, laterThan bound: Timestamp, longest: [Duration],
        now: Timestamp
    ) throws -> Bool {
        let cap = try connection.prepare(DeliverySQL.capDueTimes(longest: longest))
        try cap.bind(1, now.milliseconds).bind(2, destination).bind(3, bound.milliseconds).run()
        return connection.changes > 0
    }

    func waiting(
        _ events: [EventID], at destination: DestinationNumber
    ) throws -> [WaitingDelivery] {
        defer { load.reset() }
        var found: [WaitingDelivery] = []
        found.reserveCapacity(events.count)
        for slice in events.map(\.number).slices(of: Statement.many) {
            load.reset().bind(1, destination)
            EventList.bind(slice, to: load, after: 1)
            while try load.step() { found.append(WaitingDelivery(load)) }
        }
        return found
    }

    func pinnedRequests(of place: DeliveryPlace) throws -> [MappedRequest] {
        try PinnedRequests.read(selectRequests.reset().bind(place, after: 0))
    }

    // MARK: Questions

    func state(of place: DeliveryPlace) throws -> DeliveryState? {
        selectState.reset().bind(place, after: 0)
        defer { selectState.reset() }
        return try selectState.step()
            ? DeliveryState(rawValue: selectState.text(0) ?? "") : nil
    }

    func reason(of place: DeliveryPlace) throws -> Reason? {
        let select = try connection.prepare(
            "SELECT reason FROM deliveries WHERE event = ? AND destination = ?")
        return try select.bind(place, after: 0).step()
            ? Reason(rawValue: select.text(0) ?? "") : nil
    }

    func hasOpen(_ event: EventID) throws -> Bool {
        selectOpen.reset().bind(1, event.number)
        defer { selectOpen.reset() }
        return try selectOpen.step()
    }

    func lastPinnedRun(of place: DeliveryPlace) throws -> Int? {
        selectPinnedRun.reset().bind(place, after: 0)
        defer { selectPinnedRun.reset() }
        return try selectPinnedRun.step()
            ? selectPinnedRun.optionalInt64(0).map { Int($0) } : nil
    }

    // MARK: Rows as statements have them

    private static func bind(
        _ outcome: Outcome, _ destination: DestinationNumber, to insert: Statement,
        after index: Int32
    ) {
        let attempt = outcome.attempt
        insert.bind(index + 1, outcome.job.id.event.number).bind(index + 2, destination)
            .bind(index + 3, attempt.run).bind(index + 4, attempt.number)
            .bind(index + 5, attempt.step).bind(index + 6, attempt.startedAt.milliseconds)
            .bind(index + 7, attempt.duration).bind(index + 8, attempt.status)
            .bind(index + 9, (attempt.answerClass ?? .unknown).rawValue)
            .bind(index + 10, attempt.note).bind(index + 11, attempt.answer)
            .bind(index + 12, outcome.hint).bind(index + 13, outcome.fix)
        let pinned = outcome.job.pinsRequests ? PinnedRequests(outcome.job.requests) : nil
        insert.bind(index + 14, pinned?.heads).bind(index + 15, pinned?.bodies)
    }
}

extension DeliveryRecord {
    fileprivate func bind(to insert: Statement, after index: Int32) {
        insert.bind(index + 1, event.id.number).bind(index + 2, destination)
            .bind(index + 3, lane.number).bind(index + 4, state.rawValue)
            .bind(index + 5, planned.reason?.rawValue).bind(index + 6, planned.detail)
            .bind(index + 7, planned.consent?.text).bind(index + 8, planned.revision)
            .bind(index + 9, attempt).bind(index + 10, dueAt?.milliseconds)
            .bind(index + 11, openedAt?.milliseconds).bind(index + 12, endedAt?.milliseconds)
            .bind(index + 13, isOutOfOrder ? 1 : 0)
    }
}

extension WaitingDelivery {
    /// Reads a row of `DeliverySQL.load`.
    fileprivate init(_ row: Statement) {
        let next = EventTable.columnCount
        let event = Result { () throws(JSONFault) in
            do throws(JSONError) {
                return try EventTable.read(row)
            } catch {
                throw JSONFault(message: error.message)
            }
        }
        self.init(
            id: EventID(number: row.int64(0)), event: event,
            lane: LaneKey(number: row.int64(next + 5)), run: row.int(next),
            attempt: row.int(next + 1), tries: row.int(next + 2), step: row.int(next + 3),
            revision: row.text(next + 4) ?? "", sendsAsWas: row.int(next + 6) != 0)
    }
}

extension Statement {
    /// Binds a delivery's event and destination after so many values.
    @discardableResult
    func bind(_ place: DeliveryPlace, after index: Int32) -> Statement {
        bind(index + 1, place.event.number).bind(index + 2, place.destination)
    }
}
