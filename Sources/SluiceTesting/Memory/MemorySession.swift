import Accept
import Deliver
import Events
import JSON
import Log
import Map
import Pipeline
import Store

/// A transaction on a store in memory: changes a copy, which becomes the state at the commit.
final class MemorySession: StoreSession {
    let store: MemoryStore
    private let number: Int
    var state: MemoryState
    private var isInTransaction = false

    let path = ""
    let settings: [String: String] = [:]
    let hashKey: [UInt8] = [7]

    init(_ store: MemoryStore, number: Int) {
        self.store = store
        self.number = number
        state = store.committed.withLock { $0 }
    }

    func begin() { isInTransaction = true }

    func commit() throws {
        try store.meetFault(at: .commit)
        isInTransaction = false
        guard store.isLast(number) else { return }
        store.committed.withLock { $0 = state }
    }

    func rollback() {
        state = store.committed.withLock { $0 }
        isInTransaction = false
    }

    func finishCommit() {}
    func workAside() -> Bool { false }
    func touch() { state.hasBeenTouched = true }
    /// A store with files could not do it inside a transaction.
    func clean() -> Bool { !isInTransaction }
    func compact() {}
    func close() {}

    func insert(_ entry: AuditEntry) { state.audit.append(entry) }

    func save(_ change: PipelineChange) {
        state.server.refused = change.fault == nil ? nil : change
        if change.fault == nil { state.server.running = change }
    }

    func savePressure(_ pressure: StorePressure?, since moment: Timestamp) {
        state.server.pressure = pressure.map {
            ServerRow.Pressure(problem: $0.problem, since: moment)
        }
    }

    // MARK: Accepting

    func number(ofSource name: String) -> SourceNumber {
        if let known = state.sources[name] { return known.number }
        let number = Int64(state.sources.count + 1)
        state.sources[name] = MemoryState.Source(number: number)
        return number
    }

    func lastEvent() -> EventID { state.events.keys.max() ?? EventID(number: 0) }

    func event(withMessage digest: Digest128, from source: SourceNumber) -> EventID? {
        state.messages[MemoryState.Message(source: source, digest: digest)]
    }

    func insert(_ event: EventRecord) throws {
        try store.meetFault(at: .event)
        state.events[event.event.id] = MemoryState.StoredEvent(
            event: event.event, identity: event.identity, source: event.source,
            message: event.message, userKey: event.userKey, emailKey: event.emailKey)
        let message = MemoryState.Message(source: event.source, digest: event.message)
        state.messages[message] = event.event.id
    }

    func insert(_ rejection: Rejection, from source: String, at moment: Timestamp) {
        state.lastRejection += 1
        state.rejections[state.lastRejection] = RejectedRow(
            number: state.lastRejection, source: source, receivedAt: moment,
            messageID: rejection.messageID, problem: rejection.problem, body: rejection.body,
            headers: rejection.headers, removed: rejection.removed)
    }

    func removeRejections(_ numbers: [Int64], of source: String) -> Int {
        let own = numbers.filter { state.rejections[$0]?.source == source }
        for number in own { state.rejections[number] = nil }
        return own.count
    }

    // MARK: Retention

    func usedBytes() -> Int64 {
        state.events.values.reduce(0) { $0 + Int64($1.event.document.bytes.count) }
    }

    func bodiesRemoved() -> EventID { state.bodiesRemoved }

    func saveBodiesRemoved(_ last: EventID) { state.bodiesRemoved = last }

    func events(after first: EventID, before bound: EventID, limit: Int) -> [EventID] {
        Array(state.events.keys.filter { $0 > first && $0 < bound }.sorted().prefix(limit))
    }

    func endedEvents(before bound: EventID, limit: Int) -> [EventID] {
        Array(
            state.events.keys.filter { $0 < bound && !hasOpenDelivery($0) }.sorted()
                .prefix(limit))
    }

    func removeBody(of event: EventID) {
        guard let stored = state.events[event] else { return }
        state.events[event]?.event = stored.event.without(ids: false)
        for place in state.attempts.keys where place.event == event {
            forgetRequests(of: place, notes: false)
        }
    }

    func removeEvent(_ event: EventID) {
        if let stored = state.events.removeValue(forKey: event), let digest = stored.message {
            state.messages[MemoryState.Message(source: stored.source, digest: digest)] = nil
        }
        state.deliveries = state.deliveries.filter { $0.key.event != event }
        state.attempts = state.attempts.filter { $0.key.event != event }
    }

    func removeRejections(before moment: Timestamp, limit: Int) -> Bool {
        let old = state.rejections.keys.sorted().prefix(limit).filter {
            state.rejections[$0].map { $0.receivedAt < moment } ?? false
        }
        for number in old { state.rejections[number] = nil }
        return !old.isEmpty
    }

    func forgetRequests(of place: DeliveryPlace, notes: Bool) {
        for index in state.attempts[place]?.indices ?? 0..<0 {
            state.attempts[place]?[index].requests = nil
            state.attempts[place]?[index].row.attempt.answer = nil
            if notes { state.attempts[place]?[index].row.attempt.note = nil }
        }
    }
}

extension Event {
    /// The event without its body, and without what names a person when `ids` is true.
    func without(ids: Bool) -> Event {
        Event(
            id: id, source: source, trusted: trusted, type: type, name: name,
            messageID: ids ? "" : messageID, userID: ids ? nil : userID,
            anonymousID: ids ? nil : anonymousID, previousID: ids ? nil : previousID,
            groupID: ids ? nil : groupID, timestamp: timestamp, sentAt: sentAt,
            receivedAt: receivedAt, marks: marks, document: .emptyObject)
    }
}
