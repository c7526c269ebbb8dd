import Deliver
import Events

/// An operator's orders about destinations: hold, release, probe, drop.
extension StoreWriter {
    /// An operator's hold outranks answers: neither a good nor a bad one ends or replaces it.
    func isHeldByOperator(_ name: String) throws -> Bool {
        try session.holder(of: try session.number(ofDestination: name)) == .operatorOrder
    }

    /// The destinations that are held, and who holds each.
    func heldDestinations() throws -> [String: HoldKind] {
        try session.destinations.compactMapValues { try session.holder(of: $0) }
    }

    func save(_ hold: Hold?, of name: String) throws {
        try session.saveHold(hold, of: try session.number(ofDestination: name))
    }

    /// - Returns: false when the destination was not held.
    func release(_ name: String) throws -> Bool {
        // The deliverer is told in any case: nothing may stay stuck.
        effects.news.append(.released(destination: name))
        guard try session.holder(of: try session.number(ofDestination: name)) != nil else {
            return false
        }
        try save(nil, of: name)
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
        try audit("probe", of: name)
        effects.news.append(.probe(destination: name))
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
