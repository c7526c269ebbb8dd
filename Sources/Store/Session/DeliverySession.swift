import Consent
package import Deliver
package import Events

/// Inserts deliveries, changes them, and finds those that are due.
///
/// A delivery is named by its event and its destination's number.
package protocol DeliverySession: AnyObject {
    func insert(_ delivery: DeliveryRecord) throws
    /// Records a first attempt that was answered 2xx, of a delivery with one request.
    ///
    /// Most attempts end like this. The session may gather them; it throws, at the latest before
    /// the commit, when one of the deliveries was not being sent.
    func recordFirstSuccess(_ outcome: Outcome, at destination: DestinationNumber, status: Int)
        throws
    /// Changes a delivery that is being sent in this run.
    ///
    /// - Returns: false when it is not; then nothing was changed.
    func apply(_ change: DeliveryChange, to place: DeliveryPlace, run: Int) throws -> Bool
    /// Keeps an attempt that has ended.
    func insertAttempt(_ outcome: Outcome, at destination: DestinationNumber) throws
    /// Undoes the open attempt of a delivery: it is due at once.
    ///
    /// - Returns: false when it was not being sent.
    func giveBack(_ place: DeliveryPlace, at moment: Timestamp) throws -> Bool
    /// Opens the next attempts of deliveries.
    func open(_ events: [EventID], at destination: DestinationNumber, moment: Timestamp) throws
    /// Ends an open delivery without an attempt.
    ///
    /// - Returns: its lane; nil when there is no such delivery.
    func end(_ place: DeliveryPlace, as end: DeliveryEnd, at moment: Timestamp) throws -> LaneKey?

    /// Deliveries whose due time has come: retries and replays.
    func due(
        at destination: DestinationNumber, until moment: Timestamp, order: DueOrder, limit: Int
    ) throws -> [LanePlace]
    /// The earliest due time of a retry or replay.
    func nextDue(at destination: DestinationNumber) throws -> Timestamp?
    /// The deliveries of these events at a destination, as the next attempt needs them.
    func waiting(_ events: [EventID], at destination: DestinationNumber) throws -> [WaitingDelivery]
    /// The pinned requests of the delivery's current run; empty before they were built.
    ///
    /// Pinned means: saved with the attempt that built them, so that every retry sends the same
    /// bytes.
    func pinnedRequests(of place: DeliveryPlace) throws -> [MappedRequest]
    /// Moves the due times of retries and replays that are later than a bound, after the clock was
    /// set.
    ///
    /// - Returns: true when there were some.
    func moveDueTimes(
        at destination: DestinationNumber, laterThan bound: Timestamp, by step: Duration
    ) throws -> Bool
    /// Brings the due times of retries that are later than a bound near enough.
    ///
    /// - Parameters:
    ///   - longest: how far after `now` a retry may be due, by the number of counted attempts.
    /// - Returns: true when there were some that were too far away.
    func capDueTimes(
        at destination: DestinationNumber, laterThan bound: Timestamp, longest: [Duration],
        now: Timestamp
    ) throws -> Bool

    /// Every open delivery, in the order of destinations and events.
    func forEachOpen(_ body: (OpenDelivery) -> Void) throws
    /// Makes deliveries whose attempt was open at a crash due again, and keeps those attempts.
    func reopen(_ places: [DeliveryPlace], note: String, at moment: Timestamp) throws
    /// Counts a crash that happened while the delivery's request was built.
    ///
    /// - Returns: how many there were.
    func countCrash(of place: DeliveryPlace) throws -> Int
    /// Shows people that deliveries no longer wait behind another one of their lane.
    func markReady(_ events: [EventID], at destination: DestinationNumber, moment: Timestamp) throws
    /// Marks a delivery that is sent before an earlier one of its lane.
    func markOutOfOrder(_ place: DeliveryPlace) throws

    /// The reason with which a delivery ended; nil when it has none, or there is no such delivery.
    func reason(of place: DeliveryPlace) throws -> Reason?
    func state(of place: DeliveryPlace) throws -> DeliveryState?
    func event(_ id: EventID) throws -> (event: Event, identity: Identity)?
    /// The last run of a delivery that built requests; nil when none are kept.
    func lastPinnedRun(of place: DeliveryPlace) throws -> Int?
    /// Begins the next run of a delivery that has ended.
    ///
    /// - Returns: false when it has not ended; then nothing was changed.
    func beginRun(of place: DeliveryPlace, _ run: NextRun) throws -> Bool
    /// Cancels deliveries that wait for a destination, the newest first.
    func cancelWaiting(
        at destination: DestinationNumber, limit: Int, moment: Timestamp
    ) throws -> [LanePlace]
    /// Deliveries of a destination whose attempt is open.
    func countSending(at destination: DestinationNumber) throws -> Int
}

/// A delivery by its event and its destination's number.
package struct DeliveryPlace: Sendable, Hashable {
    package let event: EventID
    package let destination: DestinationNumber

    package init(_ event: EventID, _ destination: DestinationNumber) {
        self.event = event
        self.destination = destination
    }
}

/// A delivery of one destination and its lane.
package struct LanePlace: Sendable, Equatable {
    package let event: EventID
    package let lane: LaneKey

    package init(event: EventID, lane: LaneKey) {
        self.event = event
        self.lane = lane
    }
}

/// The order in which due deliveries are taken.
package enum DueOrder: Sendable {
    /// The earliest due time first.
    case dueTime
    /// The oldest event first.
    case acceptance
}

/// The reason with which a delivery ends without an attempt.
package struct DeliveryEnd: Sendable, Equatable {
    package let reason: Reason
    package var detail: String?
    package var consent: ConsentRecord?
}

/// A delivery that may be tried, as the store keeps it.
package struct WaitingDelivery: Sendable {
    package let id: EventID
    /// An error when the stored event cannot be read.
    package let event: Result<(event: Event, identity: Identity), JSONFault>
    /// The lane it goes in.
    package let lane: LaneKey
    package let run: Int
    /// The number of the last attempt of this run; 0 before the first.
    package let attempt: Int
    /// Attempts of this run that count for the schedule.
    package let tries: Int
    /// The first request that has not been delivered.
    package let step: Int
    /// The blueprint revision it was planned or built with.
    package let revision: String
    /// The run sends the requests of an earlier one, byte for byte.
    package let sendsAsWas: Bool

    /// The reason for which a stored event cannot be read.
    package struct JSONFault: Error, Sendable {
        package let message: String

        package init(message: String) { self.message = message }
    }

    package init(
        id: EventID, event: Result<(event: Event, identity: Identity), JSONFault>, lane: LaneKey,
        run: Int, attempt: Int, tries: Int, step: Int, revision: String, sendsAsWas: Bool
    ) {
        self.id = id
        self.event = event
        self.lane = lane
        self.run = run
        self.attempt = attempt
        self.tries = tries
        self.step = step
        self.revision = revision
        self.sendsAsWas = sendsAsWas
    }
}

/// A delivery that has not ended, as lanes are filled from it when a store is opened.
package struct OpenDelivery: Sendable {
    package let place: DeliveryPlace
    package let lane: LaneKey
    /// The rest of its lane may pass it.
    package let wasPassed: Bool
    package let isSending: Bool
    /// The store has its due time: it is a retry or a replay.
    package let isTimed: Bool
    /// The store shows it as ready: it waits behind no other.
    package let isReady: Bool

    package init(
        place: DeliveryPlace, lane: LaneKey, wasPassed: Bool, isSending: Bool, isTimed: Bool,
        isReady: Bool
    ) {
        self.place = place
        self.lane = lane
        self.wasPassed = wasPassed
        self.isSending = isSending
        self.isTimed = isTimed
        self.isReady = isReady
    }
}

/// The next run of a delivery: a replay.
package struct NextRun: Sendable {
    package let state: DeliveryState
    package let reason: Reason?
    package let detail: String?
    package let consent: ConsentRecord?
    /// The lane in which it goes: that of the person as they are known now.
    package let lane: LaneKey
    /// The blueprint revision of the new run; nil keeps the last one.
    package let revision: String?
    /// Set when the delivery is at the head of its lane.
    package let dueAt: Timestamp?
    package let endedAt: Timestamp?
    /// The earlier run whose requests are sent again.
    package let pinned: Int?
}
