import Consent
import Deliver
import Events
import Identify
import JSON
import Map
import Pipeline

/// Replay: the next run of deliveries that have ended, on an operator's order.
extension StoreWriter {
    func replay(_ order: ReplayOrder) throws -> ReplayOrder.Outcome {
        var outcome = ReplayOrder.Outcome()
        let now = now
        changeNumber += 1
        for (index, id) in order.deliveries.enumerated() {
            let seconds = Double(order.first + index) / max(order.perSecond, 0.01)
            switch try beginRun(of: id, asWas: order.asWas, due: now + .seconds(seconds), at: now) {
            case .queued: outcome.queued += 1
            case .filtered: outcome.filtered += 1
            case nil: outcome.refused += 1
            default: break
            }
        }
        try audit(
            "replay", of: order.reason,
            detail: "\(outcome.queued) queued, \(outcome.filtered) filtered, "
                + "\(outcome.refused) refused")
        return outcome
    }

    /// Decides about a delivery once more and begins its next run.
    ///
    /// - Returns: the state in which it begins, queued or filtered; nil when it cannot be replayed.
    private func beginRun(
        of id: DeliveryID, asWas: Bool, due: Timestamp, at now: Timestamp
    ) throws -> DeliveryState? {
        guard let target = pipeline[id.destination], let row = try session.event(id.event),
            !row.event.document.root.isEmpty
        else { return nil }
        let destination = try session.number(ofDestination: id.destination)
        let place = DeliveryPlace(id.event, destination)
        guard try session.state(of: place)?.isFinal ?? false else { return nil }
        let pinned = try asWas ? session.lastPinnedRun(of: place) : nil
        if asWas, pinned == nil { return nil }
        let identity = try pipeline.current(row.identity, of: row.event, in: people)
        let verdict = try pipeline.replan(row.event, identity, destination: target, in: people)
        // Requests of old are sent as they are; only the person can keep them back.
        let reason = asWas ? verdict.reason.flatMap { $0.isPersons ? $0 : nil } : verdict.reason
        if row.identity.person == nil, let owner = identity.userID {
            // Whose it is now stays so, whoever has the device later.
            try session.saveOwner(owner, of: id.event)
        }
        let isFree = lanes.occupancy(of: identity.lane, of: destination) != .taken
        let run = NextRun(
            state: reason?.state ?? .queued, reason: reason,
            detail: reason == nil ? target.remark : verdict.detail, consent: verdict.record,
            lane: identity.lane, revision: asWas ? nil : target.blueprint.revision,
            dueAt: reason == nil && isFree ? due : nil, endedAt: reason == nil ? nil : now,
            pinned: pinned)
        guard try session.beginRun(of: place, run) else { return nil }
        if reason == nil {
            lanes.add(id.event, to: identity.lane, of: destination) { _ in
                isFree ? .started : .behind
            }
            effects.destinationsToWake.insert(id.destination)
        }
        return reason == nil ? .queued : .filtered
    }

    /// Lets go what waited for the person of an anonymous id to become known, in order.
    ///
    /// The events are those from before the id had a user or an address, as far back and as many
    /// as each destination says. Consent is as of now.
    func releaseWaiting(for device: KnownDevice) throws {
        let rules = pipeline.destinations.filter { $0.anonymous != nil && $0.isEnabled }
        guard let longest = rules.compactMap(\.anonymous?.wait).max() else { return }
        let moment = now
        let key = people.number(of: IdentityKey(.anonymous, device.anonymousID))
        let found = try newestEvents(ofKey: key, after: EventID(first: moment - longest))
        for destination in rules {
            guard let rule = destination.anonymous else { continue }
            let number = try session.number(ofDestination: destination.name)
            let bound = EventID(first: moment - rule.wait)
            var waiting: [EventID] = []
            for event in found where event >= bound {
                let reason = try session.reason(of: DeliveryPlace(event, number))
                if reason == .anonymous { waiting.append(event) }
            }
            for event in try fitting(waiting.suffix(rule.events)) {
                if let email = device.email {
                    let key = people.number(of: IdentityKey(.email, email))
                    try session.saveEmail(email, key: key, of: event)
                }
                let id = DeliveryID(event: event, destination: destination.name)
                let state = try beginRun(of: id, asWas: false, due: moment, at: moment)
                if state == .queued { effects.count(.becameKnown(destination: destination.name)) }
            }
        }
    }

    /// Pages of an anonymous id's events that are read at the most.
    private static let pages = 10

    private func newestEvents(ofKey key: Int64, after first: EventID) throws -> [EventID] {
        var found: [EventID] = []
        var from = first
        for _ in 0..<Self.pages {
            let page = try session.events(ofKey: key, after: from, limit: AnonymousRule.most)
            guard let last = page.last else { break }
            found = (found + page.map(\.id)).suffix(AnonymousRule.most)
            from = last.id
        }
        return found
    }

    /// The newest of the events, as many as their bytes allow.
    private func fitting(_ events: ArraySlice<EventID>) throws -> [EventID] {
        var bytes = 0
        var fitting: [EventID] = []
        for event in events.reversed() {
            bytes += try session.event(event)?.event.document.bytes.count ?? 0
            guard bytes <= AnonymousRule.bytes else { break }
            fitting.append(event)
        }
        return fitting.reversed()
    }
}
