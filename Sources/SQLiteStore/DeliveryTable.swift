import Deliver
import Events
import JSON
import Pipeline

/// Deliveries and attempts, as the writer changes them.
///
/// The lane rule lives here and in `Lanes`: of the open deliveries of one lane, only the head is
/// ready, has a due time or an open attempt. Whoever ends or passes the head promotes the next.
final class DeliveryTable {
    /// New ones are in the file after its `flush`; their events have to be there before.
    let new: RowInserter<Row>
    /// Attempts that have ended.
    private let attempts: RowInserter<(outcome: Outcome, destination: Int64)>
    let lanes = Lanes()
    private let overtake, close, selectRequests: Statement
    private let giveBack, dueByTime, dueByAge, nextDue, load, finalize: Statement
    private let promote, open: DeliveryUpdate
    private let delivered: DeliveredRows
    private let connection: Connection

    /// Reads the lanes, and makes due again what was being sent when the program ended.
    init(_ connection: Connection, at now: Timestamp) throws {
        self.connection = connection
        new = try RowInserter(connection, DeliverySQL.insert, columns: 13) {
            $0.bind(to: $1, after: $2)
        }
        overtake = try connection.prepare(DeliverySQL.overtake)
        promote = try DeliveryUpdate(connection, DeliverySQL.promote)
        open = try DeliveryUpdate(connection, DeliverySQL.open)
        delivered = try DeliveredRows(connection)
        close = try connection.prepare(DeliverySQL.close)
        attempts = try RowInserter(connection, DeliverySQL.insertAttempt, columns: 15) {
            Self.bind($0.outcome, $0.destination, to: $1, after: $2)
        }
        selectRequests = try connection.prepare(PinnedRequests.select)
        giveBack = try connection.prepare(DeliverySQL.giveBack)
        dueByTime = try connection.prepare(DeliverySQL.dueByTime)
        dueByAge = try connection.prepare(DeliverySQL.dueByAge)
        nextDue = try connection.prepare(DeliverySQL.nextDue)
        load = try connection.prepare(DeliverySQL.load)
        finalize = try connection.prepare(DeliverySQL.finalize)
        let unfinished = try lanes.read(connection)
        try Self.recover(unfinished.sending, connection, at: now)
        let start = Timestamp(milliseconds: 0)
        for place in unfinished.undriven {
            _ = try promoteNext(place.lane, place.destination, at: start)
        }
        lanes.keep()
    }

    /// Takes a delivery as it was planned; says whether attempt 1 was opened for it.
    ///
    /// `takePlace` is asked only when the lane is free. The row is in the file after `flush`.
    func insert(
        _ planned: Pipeline.Planned, _ event: Event, lane: LaneKey, destination: Int64,
        takePlace: () -> Bool
    ) -> Placement {
        var placement = Placement.filtered
        var outOfOrder = false
        if planned.reason == nil {
            lanes.add(event.id, destination, lane) { occupancy in
                outOfOrder = occupancy == .passed
                placement = occupancy == .taken ? .behind : takePlace() ? .handedOver : .waiting
                return placement.phase
            }
        }
        new.add(
            Row(
                planned: planned, event: event, lane: lane, destination: destination,
                placement: placement, outOfOrder: outOfOrder))
        return placement
    }

    /// A delivery on its way into the file.
    struct Row {
        let planned: Pipeline.Planned
        let event: Event
        let lane: LaneKey
        let destination: Int64
        let placement: Placement
        let outOfOrder: Bool

        fileprivate func bind(to insert: Statement, after index: Int32) {
            let now = event.receivedAt.milliseconds
            let state: DeliveryState =
                switch placement {
                case .filtered: planned.reason?.state ?? .filtered
                case .behind, .waiting: .queued
                case .handedOver: .sending
                }
            insert.bind(index + 1, event.id.number).bind(index + 2, destination)
                .bind(index + 3, lane.number).bind(index + 4, state.rawValue)
                .bind(index + 5, planned.reason?.rawValue).bind(index + 6, planned.detail)
                .bind(index + 7, planned.consent?.text).bind(index + 8, planned.revision)
                .bind(index + 9, placement == .handedOver ? 1 : 0)
                .bind(index + 10, placement == .waiting ? now : nil)
                .bind(index + 11, placement == .handedOver ? now : nil)
                .bind(index + 12, placement == .filtered ? now : nil)
                .bind(index + 13, outOfOrder ? 1 : 0)
        }
    }

    /// Writes everything that was taken.
    func flush() throws {
        try new.flush()
        try delivered.flush()
        try attempts.flush()
    }

    /// Forgets what was taken and not written.
    func discard() {
        new.discard()
        delivered.discard()
        attempts.discard()
    }

    /// Where a new delivery begins.
    enum Placement {
        case filtered
        /// An earlier one of its lane is open.
        case behind
        /// Head of its lane, ready, in the store.
        case waiting
        /// Head of its lane, attempt 1 open, on its way to the deliverer.
        case handedOver

        fileprivate var phase: Lanes.Phase {
            switch self {
            case .filtered, .behind: .behind
            case .waiting: .ready
            case .handedOver: .started
            }
        }
    }

    /// Records the end of an attempt; says whether another delivery became due by it.
    func record(_ outcome: Outcome, destination: Int64) throws -> Bool {
        let job = outcome.job
        if let status = outcome.firstSuccess {
            delivered.add(job, destination, status: status, at: outcome.endedAt)
            attempts.add((outcome, destination))
            return try leave(job.identity.lane, job.id.event, destination, at: outcome.endedAt)
        }
        var tries = job.tries + (outcome.next == .requeue ? 0 : 1)
        var state = DeliveryState.retrying
        var reason: Reason?
        var detail: String?
        var due: Int64?
        var passes = false
        var following = job
        switch outcome.next {
        case .delivered: state = .delivered
        case .nextStep:
            state = .sending
            following = job.following()
            tries = following.tries
        case .retry(let at, let leavesLane):
            (due, passes) = (at.milliseconds, leavesLane)
        case .failed(let why, let text):
            (state, reason, detail) = (why.state, why, text)
        case .expired: (state, reason) = (.expired, .exhausted)
        case .requeue:
            due = outcome.endedAt.milliseconds
            if job.tries == 0 { state = .queued }
        }
        close.reset().bind(1, state.rawValue).bind(2, reason?.rawValue).bind(3, detail)
            .bind(4, job.revision).bind(5, following.attempt).bind(6, tries)
            .bind(7, following.step).bind(8, outcome.attempt.status).bind(9, due)
            .bind(10, state == .sending ? outcome.endedAt.milliseconds : nil)
            .bind(11, state.isFinal ? outcome.endedAt.milliseconds : nil)
            .bind(12, passes ? 1 : 0).bind(13, job.id.event.number).bind(14, destination)
            .bind(15, job.run)
        try close.run()
        guard connection.changes == 1 else { return false }
        attempts.add((outcome, destination))
        let lane = job.identity.lane
        guard state.isFinal || passes else {
            if state == .queued { wait(job, destination) }
            return due != nil
        }
        if state.isFinal { return try leave(lane, job.id.event, destination, at: outcome.endedAt) }
        lanes.pass(job.id.event, destination, lane)
        return try promoteNext(lane, destination, at: outcome.endedAt)
    }

    private static func bind(
        _ outcome: Outcome, _ destination: Int64, to insert: Statement, after index: Int32
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

    /// Makes the next delivery of a lane ready; says whether there was one.
    func promoteNext(
        _ lane: LaneKey, _ destination: Int64, at now: Timestamp
    ) throws -> Bool {
        guard let next = lanes.promoteNext(destination, lane, at: now) else { return false }
        if next.isBehindPassed {
            try overtake.reset().bind(1, next.event.number).bind(2, destination).run()
        }
        return true
    }

    /// Milliseconds after which the file is told that a delivery waits for nobody any more.
    ///
    /// By then most have been claimed. It is for people who look; a start does without.
    private static let promotionDelay: Int64 = 2_000
    /// Promotions that are written with one transaction.
    private static let promotionSlice = 256

    /// Writes which deliveries wait for nobody any more, when it is time to, or at once.
    func savePromoted(at now: Timestamp, atOnce: Bool) throws {
        let promoted =
            atOnce
            ? lanes.takePromoted(before: nil, upTo: .max)
            : lanes.takePromoted(before: now + -Self.promotionDelay, upTo: Self.promotionSlice)
        for (destination, events) in promoted {
            try promote.run(events, destination) { $0.bind(1, now.milliseconds) }
        }
    }

    /// Takes a delivery that has ended out of its lane, and makes the next one ready; says whether
    /// there was one.
    private func leave(
        _ lane: LaneKey, _ event: EventID, _ destination: Int64, at now: Timestamp
    ) throws -> Bool {
        lanes.remove(event, destination, lane)
        return try promoteNext(lane, destination, at: now)
    }

    func giveBack(_ job: Job, destination: Int64, at now: Timestamp) throws {
        giveBack.reset().bind(1, now.milliseconds).bind(2, job.id.event.number)
            .bind(3, destination)
        try giveBack.run()
        guard connection.changes == 1 else { return }
        if job.tries == 0 { wait(job, destination) }
    }

    /// A queued delivery waits in memory; one that is sent again has a due time in the file.
    private func wait(_ job: Job, _ destination: Int64) {
        if job.run == 1 { lanes.makeReady(job.id.event, destination, job.identity.lane) }
    }

    /// Takes what may go: half of what was due at a time, half of what has been ready longest.
    func takeDue(_ destination: Int64, at now: Timestamp, limit: Int) throws -> [EventID] {
        // Neither waits for all of the other.
        let share = lanes.hasReady(destination) ? max(1, limit / 2) : limit
        let timed = try timed(dueByTime, destination, now, share)
        for place in timed { lanes.start(place.event, destination, place.lane) }
        return timed.map(\.event) + lanes.takeReady(destination, upTo: limit - timed.count)
    }

    /// Takes the oldest that may go.
    func takeOldest(_ destination: Int64, at now: Timestamp) throws -> EventID? {
        let timed = try timed(dueByAge, destination, now, 1).first
        if let ready = lanes.takeOldestReady(destination, before: timed?.event) { return ready }
        if let timed { lanes.start(timed.event, destination, timed.lane) }
        return timed?.event
    }

    private func timed(
        _ select: Statement, _ destination: Int64, _ now: Timestamp, _ limit: Int
    ) throws -> [(event: EventID, lane: LaneKey)] {
        select.reset().bind(1, destination).bind(2, now.milliseconds).bind(3, limit)
        defer { select.reset() }
        var found: [(event: EventID, lane: LaneKey)] = []
        while try select.step() {
            found.append((EventID(number: select.int64(0)), LaneKey(number: select.int64(1))))
        }
        return found
    }

    /// When something may go; nil when nothing waits but behind others.
    func nextDue(_ destination: Int64, at now: Timestamp) throws -> Timestamp? {
        if lanes.hasReady(destination) { return now }
        nextDue.reset().bind(1, destination)
        defer { nextDue.reset() }
        return try nextDue.step() ? Timestamp(milliseconds: nextDue.int64(0)) : nil
    }

    /// A delivery that may be tried, as the file has it.
    struct Waiting {
        let id: EventID
        /// An error when the stored event cannot be read.
        let event: Result<(event: Event, identity: Identity), JSONError>
        let run, attempt, tries, step: Int
        let revision: String
    }

    func load(_ events: [EventID], destination: Int64) throws -> [Waiting] {
        defer { load.reset() }
        var found: [Waiting] = []
        found.reserveCapacity(events.count)
        for slice in events.map(\.number).slices(of: Statement.many) {
            load.reset().bind(1, destination)
            EventList.bind(slice, to: load, after: 1)
            while try load.step() { found.append(Self.waiting(load)) }
        }
        return found
    }

    private static func waiting(_ row: Statement) -> Waiting {
        let next = EventTable.columnCount
        return Waiting(
            id: EventID(number: row.int64(0)),
            event: Result { () throws(JSONError) in try EventTable.read(row) },
            run: row.int(next), attempt: row.int(next + 1), tries: row.int(next + 2),
            step: row.int(next + 3), revision: row.text(next + 4) ?? "")
    }

    /// The job for the next attempt of a delivery; `open` opens it.
    ///
    /// - Parameter identity: whom it is for now.
    func job(
        _ id: DeliveryID, _ waiting: Waiting, _ event: Event, _ identity: Identity,
        destination: Int64, decidedAt: Int64
    ) throws -> Job {
        // Nothing is pinned before the first try of the first run.
        let isFirst = waiting.run == 1 && waiting.attempt == 0
        let pinned =
            try isFirst
            ? []
            : PinnedRequests.read(
                selectRequests.reset().bind(1, id.event.number).bind(2, destination))
        return Job(
            id: id, run: waiting.run, attempt: waiting.attempt + 1, tries: waiting.tries,
            step: waiting.step, event: event, identity: identity,
            content: pinned.isEmpty ? .unbuilt : .built(pinned, by: nil),
            revision: waiting.revision, decidedAt: decidedAt)
    }

    /// Opens the next attempts.
    func open(_ jobs: [Job], destination: Int64, at now: Timestamp) throws {
        try open.run(jobs.map(\.id.event.number), destination) { $0.bind(1, now.milliseconds) }
    }

    /// Ends a delivery without an attempt, such as when consent was withdrawn while it waited; says
    /// whether the next of its lane became due.
    func end(
        _ id: DeliveryID, destination: Int64, _ reason: Reason, detail: String?,
        _ consent: ConsentRecord?, at now: Timestamp
    ) throws -> Bool {
        finalize.reset().bind(1, reason.state.rawValue).bind(2, reason.rawValue).bind(3, detail)
            .bind(4, consent?.text).bind(5, now.milliseconds).bind(6, id.event.number)
            .bind(7, destination)
        guard try finalize.step() else { return false }
        let lane = LaneKey(number: finalize.int64(0))
        finalize.reset()
        return try leave(lane, id.event, destination, at: now)
    }
}
