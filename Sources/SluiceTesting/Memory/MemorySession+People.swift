import Accept
import Deliver
import Events
import Identify
import Log
import Pipeline
import Store

extension MemorySession {
    var hasPeople: Bool { !state.people.isEmpty }

    func person(_ key: Digest128) -> PersonRecord? { state.people[key] }

    func save(_ person: PersonRecord, for key: Digest128) { state.people[key] = person }

    func removePerson(_ key: Digest128) { state.people[key] = nil }

    private func stored(withKey key: Int64) -> [MemoryState.StoredEvent] {
        state.events.values.filter { $0.userKey == key || $0.emailKey == key }
            .sorted { $0.event.id < $1.event.id }
    }

    func identifiers(
        _ kind: IdentityKey.Kind, inEventsOf key: Int64, newest limit: Int
    ) -> Set<String> {
        Set(
            stored(withKey: key).suffix(limit).compactMap { stored in
                switch kind {
                case .user: stored.event.userID
                case .email: stored.identity.email
                case .anonymous: stored.event.anonymousID
                }
            })
    }

    func identifiers(leadingTo user: String) -> [IdentityKey] {
        identifiers { $0.identity.userID == user }
    }

    func identifiers(withEmail email: String) -> [IdentityKey] {
        identifiers { $0.identity.email?.lowercased() == email.lowercased() }
    }

    private func identifiers(where isWanted: (PersonRecord) -> Bool) -> [IdentityKey] {
        state.people.values.filter(isWanted).compactMap { person in
            person.value.map { IdentityKey(person.kind, $0) }
        }
    }

    func events(ofKey key: Int64, after event: EventID, limit: Int) -> [PersonEvent] {
        stored(withKey: key).filter { $0.event.id > event }.prefix(limit)
            .map {
                PersonEvent(
                    id: $0.event.id, userID: $0.identity.person, email: $0.identity.email)
            }
    }

    func source(of event: EventID) -> String? {
        let number = state.events[event]?.source
        return state.sources.first { $0.value.number == number }?.key
    }

    func hasOpenDelivery(_ event: EventID) -> Bool {
        state.deliveries.contains { $0.key.event == event && $0.value.isOpen }
    }

    func endWaiting(
        of event: EventID, for reason: Reason, at moment: Timestamp
    ) -> [(destination: DestinationNumber, lane: LaneKey)] {
        let waiting = state.deliveries.filter { $0.key.event == event && $0.value.isWaiting }
        for place in waiting.keys {
            state.deliveries[place]?.state = reason.state
            state.deliveries[place]?.reason = reason
            state.deliveries[place]?.dueAt = nil
            state.deliveries[place]?.endedAt = moment
        }
        return waiting.map { ($0.key.destination, $0.value.lane) }
    }

    func saveOwner(_ user: String, of event: EventID) {
        state.events[event]?.identity.ownerID = user
    }

    func saveEmail(_ email: String, key: Int64, of event: EventID) {
        state.events[event]?.identity.email = email
        state.events[event]?.emailKey = key
    }

    func postponeEmptying(of event: EventID) { state.postponedEmptying.insert(event) }

    func postponedAndEnded(limit: Int) -> [EventID] {
        Array(state.postponedEmptying.filter { !hasOpenDelivery($0) }.sorted().prefix(limit))
    }

    func auditDetails(of action: String, about hash: String) -> [String] {
        state.audit.filter { $0.action == action && $0.subject == hash }.map(\.detail)
    }

    func empty(_ event: EventID) {
        state.postponedEmptying.remove(event)
        guard let stored = state.events[event] else { return }
        var emptied = stored
        emptied.event = stored.event.without(ids: true)
        emptied.identity = Identity(
            userID: nil, email: nil, anonymousID: nil, emailState: stored.identity.emailState,
            lane: LaneKey(number: 0))
        (emptied.userKey, emptied.emailKey) = (nil, nil)
        state.events[event] = emptied
        for place in state.deliveries.keys where place.event == event {
            state.deliveries[place]?.detail = nil
            forgetRequests(of: place, notes: true)
        }
    }

    func forEachRejection(after number: Int64, limit: Int, _ body: (RejectedBody) -> Void) {
        for (number, row) in state.rejections.filter({ $0.key > number })
            .sorted(by: { $0.key < $1.key }).prefix(limit)
        {
            body(
                RejectedBody(
                    number: number, bytes: row.body, messageID: row.messageID, headers: row.headers,
                    removed: row.removed.joined(separator: " "))
            )
        }
    }

    func removeRejections(_ numbers: [Int64]) {
        for number in numbers { state.rejections[number] = nil }
    }

    func removeErrors(holding texts: Set<String>) {
        for (name, place) in state.destinations {
            let error = place.lastError?.text?.lowercased() ?? ""
            if texts.contains(where: { error.contains($0) }) {
                state.destinations[name]?.lastError?.text = nil
            }
        }
    }

    // MARK: Destinations

    func number(ofDestination name: String) -> DestinationNumber {
        if let known = state.destinations[name] { return known.number }
        let number = Int64(state.destinations.count + 1)
        state.destinations[name] = MemoryState.Place(number: number)
        return number
    }

    var destinations: [String: DestinationNumber] { state.destinations.mapValues(\.number) }

    func saveHold(_ hold: Hold?, of destination: DestinationNumber) {
        let name = state.name(of: destination)
        state.destinations[name]?.hold = hold
        state.destinations[name]?.rest = nil
        state.destinations[name]?.restingSince = nil
    }

    func record(of destination: DestinationNumber) -> DestinationRecord {
        guard let place = state.destinations[state.name(of: destination)] else {
            return DestinationRecord()
        }
        return DestinationRecord(
            hold: place.hold.map { $0.byOperator ? .operatorOrder : .setup }, pause: place.pause,
            restingUntil: place.rest?.until, suspects: place.suspects,
            refusedInARow: place.refusedInARow)
    }

    func savePause(_ pause: Pause?, of destination: DestinationNumber) {
        state.destinations[state.name(of: destination)]?.pause = pause
    }

    func saveSuspects(_ suspects: Suspects, of destination: DestinationNumber) {
        state.destinations[state.name(of: destination)]?.suspects = suspects
    }

    func saveRest(_ rest: Rest?, of destination: DestinationNumber, at moment: Timestamp) {
        let name = state.name(of: destination)
        let since = state.destinations[name]?.restingSince ?? moment
        state.destinations[name]?.rest = rest
        state.destinations[name]?.restingSince = rest == nil ? nil : since
    }

    func removeRests() {
        for name in state.destinations.keys {
            state.destinations[name]?.rest = nil
            state.destinations[name]?.restingSince = nil
        }
    }

    func saveDestinations(_ destinations: [Destination], areAll: Bool) {
        if areAll {
            for name in state.destinations.keys {
                state.destinations[name]?.isConfigured = false
            }
        }
        for destination in destinations {
            _ = number(ofDestination: destination.name)
            state.destinations[destination.name]?.isConfigured = true
            state.destinations[destination.name]?.isEnabled = destination.isEnabled
            state.destinations[destination.name]?.host = destination.host
        }
    }

    func keepBlueprint(of destination: Destination, at moment: Timestamp) {}

    func saveSources(_ sources: [SourceRules]) {
        for name in state.sources.keys { state.sources[name]?.rules = nil }
        for rules in sources {
            _ = number(ofSource: rules.name)
            state.sources[rules.name]?.rules = rules
        }
    }

    func save(_ refused: [RefusedCalls.Count]) {
        for count in refused {
            let call = count.last
            let before = state.refusals.firstIndex {
                $0.source == call.source && $0.code == call.code
            }.map { state.refusals.remove(at: $0) }
            state.refusals.append(
                RefusalRow(
                    source: call.source, code: call.code,
                    count: (before?.count ?? 0) + count.number,
                    firstAt: before?.firstAt ?? count.first, lastAt: call.at, path: call.path,
                    origin: call.origin, userAgent: call.userAgent,
                    keyEnding: call.keyEnding))
        }
    }

    func removeRefused(before moment: Timestamp) {
        state.refusals.removeAll { $0.lastAt < moment }
    }

    func save(_ news: LastSeen.Pending) {
        for (name, source) in state.sources {
            if let moment = news.lastEvents[source.number] {
                state.sources[name]?.lastEvent = moment
            }
        }
        for (name, place) in state.destinations {
            if let moment = news.lastDelivered[place.number] {
                state.destinations[name]?.lastDelivered = moment
            }
            if let count = news.refusedInARow[place.number] {
                state.destinations[name]?.refusedInARow = count
            }
            if let error = news.lastErrors[place.number] {
                state.destinations[name]?.lastError = (error.text, error.at)
            }
        }
    }
}
