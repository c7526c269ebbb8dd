import Events
import Pipeline

/// Retention: old rows are removed a slice at a time, so that nobody waits for it.
extension StoreWriter {
    /// Events that one slice looks at.
    private static let slice = 64

    /// Removes a slice of what the limits name.
    ///
    /// - Returns: true when something was removed; then more may be left.
    func removeOld(_ limits: StoreLimits) throws -> Bool {
        let isTooLarge = try limits.size.map { try session.usedBytes() > $0 } ?? false
        // Above its size the store gives up its oldest bodies, whatever their age.
        let bodies = isTooLarge ? now : now - limits.bodies
        var did = try removeBodies(before: EventID(first: bodies))
        let age = max(limits.events, StoreLimits.shortestEvents)
        let rows = isTooLarge && !did ? StoreLimits.shortestEvents : age
        did = try removeEvents(before: EventID(first: now - rows)) || did
        return try session.removeRejections(before: now - limits.rejected, limit: Self.slice)
            || did
    }

    /// Bodies go before rows: what happened stays, what was in it goes.
    private func removeBodies(before bound: EventID) throws -> Bool {
        let events = try session.events(
            after: session.bodiesRemoved(), before: bound, limit: Self.slice)
        // An event that is still to be sent keeps its body until a later sweep.
        for event in events where try !session.hasOpenDelivery(event) {
            try session.removeBody(of: event)
        }
        guard let last = events.last else { return false }
        try session.saveBodiesRemoved(last)
        return true
    }

    /// Begins a sweep: bodies are looked for from the oldest event again.
    func restartBodySweep() throws { try session.saveBodiesRemoved(EventID(number: 0)) }

    private func removeEvents(before bound: EventID) throws -> Bool {
        let events = try session.endedEvents(before: bound, limit: Self.slice)
        for event in events { try session.removeEvent(event) }
        return !events.isEmpty
    }
}
