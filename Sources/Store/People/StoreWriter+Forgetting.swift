import Consent
import Deliver
import Events
import Identify
import JSON
import Pipeline

/// Forgetting a person, slice by slice: first nothing is sent any more, then rows are emptied.
extension StoreWriter {
    /// The source of the events that ask destinations to delete somebody.
    package static let deletions = "forget"
    /// Events that one transaction empties.
    private static let eraseSlice = 500

    /// Suppresses a person for good and ends what waits for them.
    ///
    /// - Returns: the identifiers of the person.
    func beginForgetting(_ id: String) throws -> PersonKeys {
        let keys = try person(id)
        let moment = now
        changeNumber += 1
        for key in keys.known {
            var standing = Standing()
            standing.merge(
                Suppression(cause: Suppression.erased, at: moment, origin: "sluice forget"))
            try people.forget(key, leaving: standing)
        }
        for key in keys.all where key.kind == .anonymous { try people.forget(key, leaving: nil) }
        try audit("forget", of: people.hash(of: keys.all.first), detail: "suppressed")
        try endWaiting(of: try events(of: keys))
        return keys
    }

    /// Ends what waits of the events, but deletions; what stands behind it in a lane goes on.
    private func endWaiting(of events: [EventID]) throws {
        var touched: [DestinationNumber: Set<LaneKey>] = [:]
        for event in events where try session.source(of: event) != Self.deletions {
            for ended in try session.endWaiting(of: event, for: .erased, at: now) {
                lanes.remove(event, from: ended.lane, of: ended.destination)
                touched[ended.destination, default: []].insert(ended.lane)
            }
        }
        for (destination, keys) in touched {
            for lane in keys { _ = try promoteNext(in: lane, of: destination, at: now) }
        }
        if !touched.isEmpty {
            for destination in pipeline.destinations {
                effects.destinationsToWake.insert(destination.name)
            }
        }
    }

    /// The events of a person: of their user ids and emails, and those that name an anonymous or
    /// former id of theirs.
    ///
    /// An email or a browser that others share does not make events theirs.
    private func events(of keys: PersonKeys) throws -> [EventID] {
        let byKey = try keys.known.flatMap {
            try session.events(ofKey: people.number(of: $0))
        }
        // Events before the person was known, and aliases, have no index.
        let byName = try keys.anonymous.union(keys.users).flatMap {
            try session.events(naming: $0)
        }
        let own = (byKey + byName).filter { event in
            event.isAlias || event.userID.map { keys.users.contains($0) } ?? true
        }
        return Set(own.map(\.id)).sorted()
    }

    /// Empties a slice of a person's events.
    ///
    /// - Parameter kept: events that are still needed, such as the deletion itself.
    /// - Returns: how many were emptied, and how many still have open deliveries.
    func erase(_ keys: PersonKeys, except kept: Set<EventID>) throws -> EraseStep {
        let events = try events(of: keys)
        try endWaiting(of: events)
        var step = EraseStep()
        for event in events where !kept.contains(event) {
            guard step.erased < Self.eraseSlice else { break }
            if try session.hasOpenDelivery(event) {
                step.busy += 1
            } else {
                try session.empty(event)
                step.erased += 1
            }
        }
        if step.erased > 0 {
            try audit(
                "forget", of: people.hash(of: keys.all.first),
                detail: "\(step.erased) events emptied")
        }
        return step
    }

    /// Removes rejected bodies and last errors that name the person.
    ///
    /// - Returns: how many bodies were removed.
    func eraseRejected(_ keys: PersonKeys) throws -> Int {
        let texts = Set(keys.all.map { $0.value.lowercased() })
        var found: [Int64] = []
        try session.forEachRejection { rejected in
            let beside = rejected.beside.lowercased()
            if Self.names(texts, in: rejected.bytes)
                || texts.contains(where: { $0.count > 3 && beside.contains($0) })
            {
                found.append(rejected.number)
            }
        }
        lastSeen.forget()
        try session.removeErrors(holding: texts)
        try session.removeRejections(found)
        return found.count
    }

    /// True when a body holds one of the texts as a value; a body that is no JSON, anywhere.
    private static func names(_ texts: Set<String>, in body: [UInt8]) -> Bool {
        guard let root = try? JSONReader.readRepairing(body).document.root else {
            let text = String(decoding: body, as: UTF8.self).lowercased()
            return texts.contains { text.contains($0) }
        }
        var open = [root]
        while let value = open.popLast() {
            open += value.elements + value.members.map(\.value)
            if let text = value.identifier?.lowercased(), texts.contains(text) { return true }
        }
        return false
    }
}

/// One slice of emptying a person's events.
package struct EraseStep: Sendable, Equatable {
    package var erased = 0
    /// Events with deliveries under way; they are emptied later.
    package var busy = 0

    package init(erased: Int = 0, busy: Int = 0) {
        self.erased = erased
        self.busy = busy
    }
}
