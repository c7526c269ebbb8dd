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

    /// A time in the future that no schedule reaches: its longest delay is 24 hours and a fifth.
    private static let farthestDue = Duration.hours(30)

    /// Pulls due times back that lie too far in the future: the machine's clock has gone back.
    func mendDueTimes() throws {
        for destination in pipeline.destinations {
            let isMended = try session.pullDueTimes(
                at: try session.number(ofDestination: destination.name),
                laterThan: now + Self.farthestDue, to: now)
            if isMended { effects.destinationsToWake.insert(destination.name) }
        }
    }
}
