import Deliver
import Events
import Log
import Pipeline
import Store

/// Two outcomes for the same attempt, or an outcome of a delivery that is not being sent.
private struct NotSending: Error {}

extension MemorySession {
    func insert(_ delivery: DeliveryRecord) {
        state.deliveries[DeliveryPlace(delivery.event.id, delivery.destination)] =
            MemoryState.Row(
                lane: delivery.lane, state: delivery.state, reason: delivery.planned.reason,
                detail: delivery.planned.detail, consent: delivery.planned.consent,
                revision: delivery.planned.revision, attempt: delivery.attempt,
                dueAt: delivery.dueAt, openedAt: delivery.openedAt, endedAt: delivery.endedAt,
                isOutOfOrder: delivery.isOutOfOrder)
    }

    func recordFirstSuccess(
        _ outcome: Outcome, at destination: DestinationNumber, status: Int
    ) throws {
        let place = DeliveryPlace(outcome.job.id.event, destination)
        guard apply(DeliveryChange(outcome), to: place, run: 1) else { throw NotSending() }
        try insertAttempt(outcome, at: destination)
    }

    func apply(_ change: DeliveryChange, to place: DeliveryPlace, run: Int) -> Bool {
        guard var row = state.deliveries[place], row.state == .sending, row.run == run else {
            return false
        }
        row.state = change.state
        row.reason = change.reason
        row.detail = change.detail ?? row.detail
        row.revision = change.revision
        row.attempt = change.attempt
        row.tries = change.tries
        row.step = change.step
        row.status = change.status ?? row.status
        row.dueAt = change.dueAt
        row.openedAt = change.openedAt
        row.endedAt = change.endedAt
        row.wasPassed = row.wasPassed || change.passes
        state.deliveries[place] = row
        return true
    }

    func insertAttempt(_ outcome: Outcome, at destination: DestinationNumber) throws {
        try store.meetFault(at: .attempt)
        var attempt = outcome.attempt
        attempt.answerClass = attempt.answerClass ?? .unknown
        state.attempts[DeliveryPlace(outcome.job.id.event, destination), default: []].append(
            MemoryState.StoredAttempt(
                row: AttemptRow(
                    attempt: attempt, hint: outcome.hint, fix: outcome.fix,
                    pinned: outcome.job.pinsRequests ? outcome.job.requests : nil),
                requests: outcome.job.pinsRequests ? outcome.job.requests : nil))
    }

    func giveBack(_ place: DeliveryPlace, at moment: Timestamp) -> Bool {
        guard var row = state.deliveries[place], row.state == .sending else { return false }
        row.state = row.tries > 0 ? .retrying : .queued
        row.attempt -= 1
        row.dueAt = moment
        row.openedAt = nil
        state.deliveries[place] = row
        return true
    }

    func open(_ events: [EventID], at destination: DestinationNumber, moment: Timestamp) {
        for event in events {
            let place = DeliveryPlace(event, destination)
            state.deliveries[place]?.state = .sending
            state.deliveries[place]?.attempt += 1
            state.deliveries[place]?.dueAt = nil
            state.deliveries[place]?.openedAt = moment
        }
    }

    func end(_ place: DeliveryPlace, as end: DeliveryEnd, at moment: Timestamp) -> LaneKey? {
        guard var row = state.deliveries[place] else { return nil }
        row.state = end.reason.state
        (row.reason, row.detail) = (end.reason, end.detail)
        row.consent = end.consent ?? row.consent
        (row.dueAt, row.openedAt, row.endedAt) = (nil, nil, moment)
        state.deliveries[place] = row
        return row.lane
    }

    func due(
        at destination: DestinationNumber, until moment: Timestamp, order: DueOrder, limit: Int
    ) throws -> [LanePlace] {
        try store.meetFault(at: .claim)
        var rows = state.rows(at: destination).filter {
            $0.row.isTimed && ($0.row.dueAt.map { $0 <= moment } ?? false)
        }
        if order == .dueTime {
            rows.sort {
                ($0.row.dueAt ?? moment, $0.place.event) < ($1.row.dueAt ?? moment, $1.place.event)
            }
        }
        return rows.prefix(limit).map { LanePlace(event: $0.place.event, lane: $0.row.lane) }
    }

    func nextDue(at destination: DestinationNumber) -> Timestamp? {
        state.rows(at: destination).filter(\.row.isTimed).compactMap(\.row.dueAt).min()
    }

    func waiting(
        _ events: [EventID], at destination: DestinationNumber
    ) -> [WaitingDelivery] {
        events.compactMap { event in
            guard let row = state.deliveries[DeliveryPlace(event, destination)],
                let stored = state.events[event]
            else { return nil }
            return WaitingDelivery(
                id: event, event: .success((stored.event, stored.identity)),
                lane: row.lane, run: row.run,
                attempt: row.attempt, tries: row.tries, step: row.step, revision: row.revision,
                sendsAsWas: row.pinned != nil)
        }
    }

    func pinnedRequests(of place: DeliveryPlace) -> [MappedRequest] {
        state.pinnedRequests(of: place)
    }

    func moveDueTimes(
        at destination: DestinationNumber, laterThan bound: Timestamp, by step: Duration
    ) -> Bool {
        let late = state.rows(at: destination).filter {
            $0.row.isTimed && ($0.row.dueAt.map { $0 > bound } ?? false)
        }
        for (place, row) in late { state.deliveries[place]?.dueAt = row.dueAt.map { $0 + step } }
        return !late.isEmpty
    }

    func capDueTimes(
        at destination: DestinationNumber, laterThan bound: Timestamp, longest: [Duration],
        now: Timestamp
    ) -> Bool {
        var isChanged = false
        for (place, row) in state.rows(at: destination) where row.state == .retrying {
            let latest = now + (row.tries < longest.count ? longest[row.tries] : .zero)
            guard let due = row.dueAt, due > bound, due > latest else { continue }
            state.deliveries[place]?.dueAt = latest
            isChanged = true
        }
        return isChanged
    }

    func forEachOpen(_ body: (OpenDelivery) -> Void) {
        for number in state.destinations.values.map(\.number).sorted() {
            for (place, row) in state.rows(at: number) where row.isOpen {
                body(
                    OpenDelivery(
                        place: place, lane: row.lane, wasPassed: row.wasPassed,
                        isSending: row.state == .sending, isTimed: row.isTimed,
                        isReady: row.dueAt != nil))
            }
        }
    }

    func reopen(_ places: [DeliveryPlace], note: String, at moment: Timestamp) {
        for place in places {
            guard var row = state.deliveries[place] else { continue }
            let attempt = Attempt(
                run: row.run, number: row.attempt, step: row.step,
                startedAt: row.openedAt ?? moment, answerClass: .unknown, note: note)
            state.attempts[place, default: []].append(
                MemoryState.StoredAttempt(row: AttemptRow(attempt: attempt, hint: nil, fix: nil)))
            (row.state, row.dueAt, row.openedAt) = (.retrying, moment, nil)
            state.deliveries[place] = row
        }
    }

    func countCrash(of place: DeliveryPlace) -> Int {
        state.crashes[place, default: 0] += 1
        return state.crashes[place] ?? 0
    }

    func markReady(_ events: [EventID], at destination: DestinationNumber, moment: Timestamp) {
        for event in events { state.deliveries[DeliveryPlace(event, destination)]?.dueAt = moment }
    }

    func markOutOfOrder(_ place: DeliveryPlace) { state.deliveries[place]?.isOutOfOrder = true }

    func state(of place: DeliveryPlace) -> DeliveryState? { state.deliveries[place]?.state }

    func event(_ id: EventID) -> (event: Event, identity: Identity)? {
        state.events[id].map { ($0.event, $0.identity) }
    }

    func lastPinnedRun(of place: DeliveryPlace) -> Int? {
        state.attempts[place]?.filter { $0.requests != nil }.map(\.row.attempt.run).max()
    }

    func reason(of place: DeliveryPlace) -> Reason? { state.deliveries[place]?.reason }

    func beginRun(of place: DeliveryPlace, _ run: NextRun) -> Bool {
        guard let before = state.deliveries[place], before.state.isFinal else { return false }
        var row = MemoryState.Row(
            lane: run.lane, state: run.state, reason: run.reason, detail: run.detail,
            consent: run.consent, revision: run.revision ?? before.revision,
            run: before.run + 1, attempt: 0, dueAt: run.dueAt, endedAt: run.endedAt,
            isOutOfOrder: false)
        row.pinned = run.pinned
        state.deliveries[place] = row
        return true
    }

    func cancelWaiting(
        at destination: DestinationNumber, limit: Int, moment: Timestamp
    ) -> [LanePlace] {
        let waiting = state.rows(at: destination).filter(\.row.isWaiting).reversed().prefix(limit)
        for (place, _) in waiting {
            state.deliveries[place]?.state = .cancelled
            state.deliveries[place]?.reason = .dropped
            state.deliveries[place]?.dueAt = nil
            state.deliveries[place]?.endedAt = moment
        }
        return waiting.map { LanePlace(event: $0.place.event, lane: $0.row.lane) }
    }

    func countSending(at destination: DestinationNumber) -> Int {
        state.rows(at: destination).count { $0.row.state == .sending }
    }
}
