import Consent
import Deliver
import Events
import Identify
import Log
import Pipeline
import Store

/// Reads the last commit of a store in memory.
struct MemoryLog: DeliveryLog {
    let store: MemoryStore

    private var state: MemoryState { store.committed.withLock { $0 } }
    private static let hasher = Hasher128(key: [7])

    func event(_ id: EventID) -> EventRow? {
        state.events[id].map { EventRow(event: $0.event, identity: $0.identity) }
    }

    func events(messageID: String) -> [EventID] {
        let digest = Hasher128.digest(ofMessageID: messageID)
        return state.messages.filter { $0.key.digest == digest }.map(\.value).sorted()
    }

    func events(of key: IdentityKey, limit: Int) -> [EventID] {
        let number = Self.hasher.digest(of: key).number
        let found = state.events.values.filter { $0.userKey == number || $0.emailKey == number }
        return Array(found.map(\.event.id).sorted(by: >).prefix(limit))
    }

    func firstEvent(of user: String, on device: String, after event: EventID) -> EventID? {
        state.events.values
            .filter { $0.identity.person == user && $0.event.anonymousID == device }
            .map(\.event.id).filter { $0 > event }.min()
    }

    func person(_ key: IdentityKey) -> KnownPerson {
        let person = state.people[Self.hasher.digest(of: key)]
        return KnownPerson(identity: person?.identity, standing: person?.standing)
    }

    func server() -> ServerRow { state.server }

    func receipts(of id: String?) -> [ForgetReceipt] {
        let keys = id.map { [IdentityKey(.user, $0), IdentityKey(.email, $0)] } ?? []
        let hashes = keys.map { hexadecimal(Self.hasher.digest(of: $0).bytes) }
        return state.audit.filter {
            $0.action == StoreWriter.receipts && (id == nil || hashes.contains($0.subject))
        }.map { ForgetReceipt(at: $0.at, report: $0.detail) }
    }

    func identifiers(_ kind: IdentityKey.Kind, inEventsOf key: IdentityKey) -> Set<String> {
        let events = events(of: key, limit: .max).compactMap { state.events[$0] }
        return Set(
            events.compactMap { stored in
                switch kind {
                case .user: stored.event.userID
                case .email: stored.identity.email
                case .anonymous: stored.event.anonymousID
                }
            })
    }

    func unfoundEvents(ofDevices devices: Set<String>) -> [EventID] { [] }

    func deliveries(of event: EventID) -> [DeliveryRow] {
        let state = state
        return state.destinations.sorted { $0.value.number < $1.value.number }.compactMap {
            row(DeliveryPlace(event, $0.value.number), state)
        }
    }

    private func row(_ place: DeliveryPlace, _ state: MemoryState) -> DeliveryRow? {
        guard let row = state.deliveries[place], let stored = state.events[place.event] else {
            return nil
        }
        let name = state.name(of: place.destination)
        return DeliveryRow(
            id: DeliveryID(event: place.event, destination: name),
            eventName: stored.event.label, source: stored.event.source,
            messageID: stored.event.messageID, userID: stored.event.userID,
            email: stored.identity.email, receivedAt: stored.event.receivedAt, state: row.state,
            reason: row.reason, detail: row.detail, consent: row.consent, revision: row.revision,
            run: row.run, attempt: row.attempt, status: row.status, dueAt: row.dueAt,
            endedAt: row.endedAt, outOfOrder: row.isOutOfOrder,
            standing: state.destinations[name].map { standing(of: name, $0) } ?? .gone,
            host: state.destinations[name]?.host)
    }

    private func standing(of name: String, _ place: MemoryState.Place) -> DestinationStanding {
        row(of: name, place, waiting: 0, nil).standing
    }

    private func row(
        of name: String, _ place: MemoryState.Place, waiting: Int, _ oldest: Timestamp?
    ) -> DestinationRow {
        var row = DestinationRow(
            name: name, isGone: !place.isConfigured, isEnabled: place.isEnabled,
            host: place.host, hold: place.hold, restingUntil: place.rest?.until,
            restingSince: place.restingSince, restingHint: place.rest?.hint,
            waiting: waiting, oldestWaiting: oldest, lastDelivered: place.lastDelivered,
            lastError: place.lastError?.text, lastErrorAt: place.lastError?.at)
        row.pausingUntil = place.pause?.until
        row.refusedInARow = place.refusedInARow
        return row
    }

    func deliveries(_ filter: DeliveryFilter) -> [DeliveryRow] {
        let state = state
        let users = filter.user.map { user in
            Set(
                [IdentityKey.Kind.user, .email].map { IdentityKey($0, user) }.flatMap {
                    events(of: $0, limit: .max)
                })
        }
        let rows = state.deliveries.keys.compactMap { row($0, state) }.filter { row in
            row.receivedAt >= filter.since && filter.after.map { row.id.event > $0 } ?? true
                && filter.state.map { row.state == $0 } ?? true
                && (!filter.isHeld || row.shownState == "held")
                && filter.reason.map { row.reason == $0 } ?? true
                && filter.destination.map { row.id.destination == $0 } ?? true
                && filter.eventName.map { row.eventName == $0 } ?? true
                && users.map { $0.contains(row.id.event) } ?? true
                && filter.status.map { range in row.status.map(range.contains) ?? false } ?? true
        }
        let sorted = rows.sorted {
            $0.id.event == $1.id.event
                ? $0.id.destination < $1.id.destination
                : filter.oldestFirst == ($0.id.event < $1.id.event)
        }
        return Array(sorted.prefix(filter.limit))
    }

    func detail(_ id: DeliveryID) -> DeliveryDetail? {
        let state = state
        guard let number = state.destinations[id.destination]?.number, let event = event(id.event),
            let row = row(DeliveryPlace(id.event, number), state)
        else { return nil }
        let place = DeliveryPlace(id.event, number)
        return DeliveryDetail(
            row: row, event: event, requests: state.pinnedRequests(of: place),
            attempts: (state.attempts[place] ?? []).map(\.row))
    }

    func rejected(limit: Int) -> [RejectedRow] {
        Array(state.rejections.values.sorted { $0.number > $1.number }.prefix(limit))
    }

    func rejected(source: String, after number: Int64, limit: Int) -> [RejectedRow] {
        let own = state.rejections.values.filter { $0.source == source && $0.number > number }
        return Array(own.sorted { $0.number < $1.number }.prefix(limit))
    }

    func refusals() -> [RefusalRow] {
        state.refusals.sorted {
            ($1.lastAt, $0.source ?? "", $0.code) < ($0.lastAt, $1.source ?? "", $1.code)
        }
    }

    func destinations() -> [DestinationRow] {
        let state = state
        return state.destinations.sorted { $0.value.number < $1.value.number }.map { name, place in
            let open = state.rows(at: place.number).filter(\.row.isOpen)
            let oldest = open.first.flatMap {
                state.events[$0.place.event]?.event.receivedAt
            }
            return row(of: name, place, waiting: open.count, oldest)
        }
    }

    func sources() -> [SourceRow] {
        state.sources.sorted { $0.value.number < $1.value.number }.compactMap { name, source in
            source.rules.map {
                SourceRow(
                    name: name, kind: $0.kind, offReason: $0.offReason,
                    lastEvent: source.lastEvent)
            }
        }
    }
}
