import Deliver
import Events

/// An operator's orders about destinations: hold, release, probe, drop.
extension StoreWriter {
    /// An operator's hold outranks answers: neither a good nor a bad one ends or replaces it.
    func isHeldByOperator(_ name: String) throws -> Bool {
        try session.record(of: try session.number(ofDestination: name)).hold == .operatorOrder
    }

    /// The holds, waits and counts of every destination.
    func knownDestinations() throws -> [String: DestinationRecord] {
        try session.destinations.mapValues { try session.record(of: $0) }
    }

    func save(_ hold: Hold?, of name: String) throws {
        try session.saveHold(hold, of: try session.number(ofDestination: name))
    }

    /// Ends whatever a destination waits for: a hold, a rest, a pause.
    ///
    /// - Returns: false when there was nothing.
    func release(_ name: String) throws -> Bool {
        // The deliverer is told in any case: nothing may stay stuck.
        effects.news.append(.released(destination: name))
        let number = try session.number(ofDestination: name)
        let record = try session.record(of: number)
        guard record.hold != nil || record.restingUntil != nil || record.pause != nil else {
            return false
        }
        try save(nil, of: name)
        try session.saveRest(nil, of: number, at: now)
        try session.savePause(nil, of: number)
        try audit("release", of: name)
        return true
    }

    func hold(_ name: String, because reason: String) throws {
        var hold = Hold(
            since: now, status: nil, hint: reason, fix: "Release it when it may go on.",
            delivery: "")
        hold.byOperator = true
        try save(hold, of: name)
        try audit("hold", of: name, detail: reason)
        effects.news.append(.heldByOperator(destination: name))
    }

    func probe(_ name: String) throws {
        // A probe does not wait for the end of a pause.
        try session.savePause(nil, of: try session.number(ofDestination: name))
        try audit("probe", of: name)
        effects.news.append(.probe(destination: name))
    }

    /// Cancels one delivery that waits; one that is being sent or has ended stays as it is.
    ///
    /// - Returns: its state before; nil when there is no such delivery.
    func cancel(_ delivery: DeliveryID) throws -> DeliveryState? {
        let state = try endWaiting(delivery, as: DeliveryEnd(reason: .dropped))
        if state.map(\.isWaiting) == true { try audit("cancel", of: delivery.text) }
        return state
    }

    /// Ends a delivery when it waits, and lets the next of its lane go.
    ///
    /// - Returns: its state before; nil when there is no such delivery.
    func endWaiting(_ delivery: DeliveryID, as end: DeliveryEnd) throws -> DeliveryState? {
        guard let destination = session.destinations[delivery.destination] else { return nil }
        let place = DeliveryPlace(delivery.event, destination)
        guard let state = try session.state(of: place) else { return nil }
        guard state.isWaiting, let lane = try session.end(place, as: end, at: now) else {
            return state
        }
        effects.count(.ended(destination: delivery.destination, end.reason.state, end.reason))
        if try leave(lane, delivery.event, of: destination, at: now) {
            effects.destinationsToWake.insert(delivery.destination)
        }
        return state
    }

    /// Deliveries that one transaction cancels.
    private static let dropSlice = 5_000

    /// Cancels a slice of what waits for a destination: the newest first, so that the head of a
    /// lane ends last and no other becomes ready meanwhile.
    func drop(_ name: String) throws -> DropStep {
        let destination = try session.number(ofDestination: name)
        let cancelled = try session.cancelWaiting(
            at: destination, limit: Self.dropSlice, moment: now)
        for place in cancelled {
            lanes.remove(place.event, from: place.lane, of: destination)
        }
        if !cancelled.isEmpty {
            try audit("drop", of: name, detail: "\(cancelled.count) waiting deliveries")
        }
        return DropStep(
            dropped: cancelled.count, sending: try session.countSending(at: destination))
    }
}

/// One slice of cancelling a destination's deliveries.
package struct DropStep: Sendable, Equatable {
    package let dropped: Int
    /// Deliveries whose attempt is open; they end by themselves.
    package let sending: Int

    package init(dropped: Int, sending: Int) {
        self.dropped = dropped
        self.sending = sending
    }
}
