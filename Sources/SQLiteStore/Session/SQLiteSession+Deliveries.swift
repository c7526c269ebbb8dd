import Deliver
import Events
import Store

/// Deliveries: what the table does, after gathered rows that it could meet are written.
extension SQLiteSession {
    func insert(_ delivery: DeliveryRecord) throws { deliveries.insert(delivery) }

    func recordFirstSuccess(
        _ outcome: Outcome, at destination: DestinationNumber, status: Int
    ) throws {
        try flushNew()
        deliveries.recordFirstSuccess(outcome, at: destination, status: status)
    }

    func apply(_ change: DeliveryChange, to place: DeliveryPlace, run: Int) throws -> Bool {
        try flushNew()
        return try deliveries.apply(change, to: place, run: run)
    }

    func insertAttempt(_ outcome: Outcome, at destination: DestinationNumber) throws {
        try flushNew()
        deliveries.insertAttempt(outcome, at: destination)
    }

    func giveBack(_ place: DeliveryPlace, at moment: Timestamp) throws -> Bool {
        try flush()
        return try deliveries.giveBack(place, at: moment)
    }

    func open(_ events: [EventID], at destination: DestinationNumber, moment: Timestamp) throws {
        try flush()
        try deliveries.open(events, at: destination, moment: moment)
    }

    func end(_ place: DeliveryPlace, as end: DeliveryEnd, at moment: Timestamp) throws -> LaneKey? {
        try flush()
        return try deliveries.end(place, as: end, at: moment)
    }

    func due(
        at destination: DestinationNumber, until moment: Timestamp, order: DueOrder, limit: Int
    ) throws -> [LanePlace] {
        try flush()
        return try deliveries.due(at: destination, until: moment, order: order, limit: limit)
    }

    func nextDue(at destination: DestinationNumber) throws -> Timestamp? {
        try flush()
        return try deliveries.nextDue(at: destination)
    }

    func waiting(
        _ events: [EventID], at destination: DestinationNumber
    ) throws -> [WaitingDelivery] {
        try flush()
        return try deliveries.waiting(events, at: destination)
    }

    func pinnedRequests(of place: DeliveryPlace) throws -> [MappedRequest] {
        try flush()
        return try deliveries.pinnedRequests(of: place)
    }

    func moveDueTimes(
        at destination: DestinationNumber, laterThan bound: Timestamp, by step: Duration
    ) throws -> Bool {
        try flush()
        return try deliveries.moveDueTimes(at: destination, laterThan: bound, by: step)
    }

    func capDueTimes(
        at destination: DestinationNumber, laterThan bound: Timestamp, longest: [Duration],
        now: Timestamp
    ) throws -> Bool {
        try flush()
        return try deliveries.capDueTimes(
            at: destination, laterThan: bound, longest: longest, now: now)
    }

    func forEachOpen(_ body: (OpenDelivery) -> Void) throws {
        try flush()
        try deliveries.forEachOpen(body)
    }

    func reopen(_ places: [DeliveryPlace], note: String, at moment: Timestamp) throws {
        try flush()
        try deliveries.reopen(places, note: note, at: moment)
    }

    func countCrash(of place: DeliveryPlace) throws -> Int {
        try flush()
        return try deliveries.countCrash(of: place)
    }

    func markReady(
        _ events: [EventID], at destination: DestinationNumber, moment: Timestamp
    ) throws {
        try flush()
        try deliveries.markReady(events, at: destination, moment: moment)
    }

    func markOutOfOrder(_ place: DeliveryPlace) throws {
        try flushNew()
        try deliveries.markOutOfOrder(place)
    }

    func state(of place: DeliveryPlace) throws -> DeliveryState? {
        try flush()
        return try deliveries.state(of: place)
    }

    func event(_ id: EventID) throws -> (event: Event, identity: Identity)? {
        try flush()
        return try events.load(id)
    }

    func lastPinnedRun(of place: DeliveryPlace) throws -> Int? {
        try flush()
        return try deliveries.lastPinnedRun(of: place)
    }

    func reason(of place: DeliveryPlace) throws -> Reason? {
        try flush()
        return try deliveries.reason(of: place)
    }

    func beginRun(of place: DeliveryPlace, _ run: NextRun) throws -> Bool {
        try flush()
        return try deliveries.beginRun(of: place, run)
    }

    func cancelWaiting(
        at destination: DestinationNumber, limit: Int, moment: Timestamp
    ) throws -> [LanePlace] {
        try flush()
        return try deliveries.cancelWaiting(at: destination, limit: limit, moment: moment)
    }

    func countSending(at destination: DestinationNumber) throws -> Int {
        try flush()
        return try deliveries.countSending(at: destination)
    }
}
