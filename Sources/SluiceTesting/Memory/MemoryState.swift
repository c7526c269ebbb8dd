import Accept
import Deliver
package import Events
package import Log
import Pipeline
package import Store

/// Everything that a store in memory keeps: plain collections, copied whole for a transaction.
struct MemoryState: Sendable {
    struct Source: Sendable {
        let number: SourceNumber
        var rules: SourceRules?
        var lastEvent: Timestamp?
    }
    struct Place: Sendable {
        let number: DestinationNumber
        var isConfigured = true
        var isEnabled = true
        var host: String?
        var hold: Hold?
        var rest: Rest?
        var pause: Pause?
        var suspects = Suspects()
        var refusedInARow = 0
        var restingSince: Timestamp?
        var lastDelivered: Timestamp?
        var lastError: (text: String?, at: Timestamp)?
    }
    struct Row: Sendable {
        let lane: LaneKey
        var state: DeliveryState
        var reason: Reason?
        var detail: String?
        var consent: ConsentRecord?
        var revision: String
        var run = 1
        var attempt: Int
        var tries = 0
        var step = 0
        var status: Int?
        var dueAt: Timestamp?
        var openedAt: Timestamp?
        var endedAt: Timestamp?
        var wasPassed = false
        var isOutOfOrder: Bool
        var pinned: Int?

        var isOpen: Bool { endedAt == nil }
        /// The store has its due time: it is a retry or a replay.
        var isTimed: Bool { dueAt != nil && (state == .retrying || run > 1) }
        var isWaiting: Bool { isOpen && (state == .queued || state == .retrying) }
    }
    struct StoredEvent: Sendable {
        var event: Event
        var identity: Identity
        let source: SourceNumber
        var message: Digest128?
        var userKey: Int64?
        var emailKey: Int64?
    }
    struct StoredAttempt: Sendable {
        var row: AttemptRow
        var requests: [MappedRequest]?
    }
    struct Message: Hashable, Sendable {
        let source: SourceNumber
        let digest: Digest128
    }

    var sources: [String: Source] = [:]
    var destinations: [String: Place] = [:]
    var events: [EventID: StoredEvent] = [:]
    var messages: [Message: EventID] = [:]
    var deliveries: [DeliveryPlace: Row] = [:]
    var attempts: [DeliveryPlace: [StoredAttempt]] = [:]
    var people: [Digest128: PersonRecord] = [:]
    var rejections: [Int64: RejectedRow] = [:]
    var lastRejection: Int64 = 0
    var audit: [AuditEntry] = []
    /// Events that are emptied once their deliveries have ended.
    var postponedEmptying: Set<EventID> = []
    var crashes: [DeliveryPlace: Int] = [:]
    var bodiesRemoved = EventID(number: 0)
    var server = ServerRow()
    var refusals: [RefusalRow] = []
    var hasBeenTouched = false

    func name(of destination: DestinationNumber) -> String {
        destinations.first { $0.value.number == destination }?.key ?? ""
    }

    /// The deliveries of a destination, in the order of events.
    func rows(at destination: DestinationNumber) -> [(place: DeliveryPlace, row: Row)] {
        deliveries.filter { $0.key.destination == destination }
            .sorted { $0.key.event < $1.key.event }.map { ($0.key, $0.value) }
    }

    /// The requests that the delivery's current run sends.
    func pinnedRequests(of place: DeliveryPlace) -> [MappedRequest] {
        guard let row = deliveries[place] else { return [] }
        let run = row.pinned ?? row.run
        return attempts[place]?.last { $0.row.attempt.run == run && $0.requests != nil }?
            .requests ?? []
    }
}

/// A store in memory, for tests: a second implementation of `StoreSession` proves that the contract
/// is one, and that no rule hides in SQL.
package final class MemoryStore: Sendable {
    /// The state of the last commit.
    let committed = Locked(MemoryState())
    /// How many sessions there were.
    ///
    /// Only the last one may commit: the program of an earlier one has crashed, as far as a test
    /// goes, though its thread may still run.
    private let sessions = Locked(0)

    /// The faults that are met next, by the step that meets them, as often as the number says.
    package let faults = Locked<[Step: (fault: StoreFault, times: Int)]>([:])

    /// A step of a transaction that a test can have fail.
    package enum Step: Sendable { case event, attempt, claim, commit }

    /// A fault that a test ordered.
    private struct Failure: StoreFailure { let fault: StoreFault }

    package init() {}

    /// Throws when a test has ordered a fault for this step.
    func meetFault(at step: Step) throws {
        let fault = faults.withLock { faults -> StoreFault? in
            guard let ordered = faults[step], ordered.times > 0 else { return nil }
            faults[step]?.times -= 1
            return ordered.fault
        }
        if let fault { throw Failure(fault: fault) }
    }

    /// A session on the state of now.
    package func session() -> any StoreSession {
        MemorySession(
            self,
            number: sessions.withLock {
                $0 += 1; return $0
            })
    }

    func isLast(_ session: Int) -> Bool { sessions.withLock { $0 == session } }

    package var log: any DeliveryLog { MemoryLog(store: self) }

    /// The audit, line by line.
    package var audit: [AuditEntry] { committed.withLock { $0.audit } }
}
