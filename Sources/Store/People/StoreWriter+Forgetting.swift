import Accept
import Consent
import Deliver
package import Events
import Identify
import JSON
import Pipeline

/// Forgetting a person, slice by slice: first nothing is sent any more, then rows are emptied.
extension StoreWriter {
    /// The source of the events that ask destinations to delete somebody.
    package static let deletions = "forget"
    /// Events that one transaction empties: some ten milliseconds of work.
    private static let eraseSlice = 100

    /// Suppresses a person for good and ends what waits for them.
    ///
    /// The rows of their identifiers stay until `finishForgetting`, so that forgetting can be begun
    /// again and still finds everything.
    ///
    /// - Returns: the identifiers of the person.
    func beginForgetting(_ id: String) throws -> PersonKeys {
        try beginForgetting(try person(id))
    }

    /// The same for identifiers that were found outside; devices of their addresses are added.
    func beginForgetting(_ found: PersonKeys) throws -> PersonKeys {
        var keys = found
        try addDevices(ofAddressesIn: &keys)
        changeNumber += 1
        people.isForgetting = true
        defer { people.isForgetting = false }
        for key in keys.known {
            var standing = try people.standing(key) ?? Standing()
            standing.merge(erasure)
            try people.save(standing, for: key)
        }
        try audit("forget", of: people.hash(of: keys.all.first), detail: "suppressed")
        try endWaiting(of: try events(of: keys, after: .none).events)
        return keys
    }

    private var erasure: Suppression {
        Suppression(cause: Suppression.erased, at: now, origin: "sluice forget")
    }

    /// Removes the rows of a person's identifiers; their hashes stay, with the suppression alone.
    func finishForgetting(_ keys: PersonKeys) throws {
        changeNumber += 1
        // Nothing but this leads from one hash to the others of the person any more.
        let hashes = keys.known.map { people.hash(of: $0) }
        for hash in hashes { try audit(Self.together, of: hash, detail: hashes[0]) }
        if let first = hashes.first {
            try audit(Self.members, of: first, detail: hashes.joined(separator: " "))
        }
        for key in keys.known {
            var standing = Standing()
            standing.merge(erasure)
            try people.forget(key, leaving: standing)
        }
        for device in keys.anonymous {
            let key = IdentityKey(.anonymous, device)
            // A device that somebody else has by now stays theirs.
            if let user = try people.identity(key)?.userID, !keys.users.contains(user) { continue }
            try people.forget(key, leaving: nil)
        }
    }

    /// The action under which the audit leads from a forgotten identifier to the first one.
    private static let together = "forget together"
    /// The action under which the audit keeps the hashes of a forgotten person's identifiers.
    private static let members = "forget members"

    /// Ends the erasure of an identifier and of all that was forgotten together with it.
    ///
    /// An identifier that was forgotten with somebody else too, such as a shared address, stays so.
    ///
    /// - Returns: how many identifiers may come back.
    func endErasure(with key: IdentityKey) throws -> Int {
        let own = people.hash(of: key)
        let groups = try groups(of: own)
        let lists = try groups.map { group in
            try session.auditDetails(of: Self.members, about: group).last ?? ""
        }
        let members = Set(lists.flatMap { $0.split(separator: " ").map(String.init) } + [own])
        var ended = 0
        for member in members {
            let held = try self.groups(of: member)
            for group in held.intersection(groups) {
                try audit(Self.together, of: member, detail: "-\(group)")
            }
            if held.isSubset(of: groups), try endErasure(of: member) { ended += 1 }
        }
        return ended
    }

    /// The forgettings that hold an identifier, each by the hash of its first one.
    private func groups(of hash: String) throws -> Set<String> {
        try session.auditDetails(of: Self.together, about: hash).reduce(into: []) { held, detail in
            if detail.hasPrefix("-") {
                held.remove(String(detail.dropFirst()))
            } else {
                held.insert(detail)
            }
        }
    }

    /// Ends the erasure under a hash; other suppressions stay.
    ///
    /// - Returns: false when it was not erased.
    private func endErasure(of hash: String) throws -> Bool {
        guard let bytes = bytes(ofHexadecimal: hash), bytes.count == 16 else { return false }
        let digest = bytes.withUnsafeBytes { Digest128($0) }
        guard var person = try session.person(digest), person.standing.isErased else {
            return false
        }
        person.standing = person.standing.withoutErasure
        if person.standing.isEmpty {
            try session.removePerson(digest)
        } else {
            try session.save(person, for: digest)
        }
        return true
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

    /// A slice of the events of a person: of their user ids, emails and anonymous ids.
    ///
    /// An email or a device that others share does not make events of others theirs.
    ///
    /// - Returns: the events, and the last one that was looked at; nil when there was none.
    private func events(
        of keys: PersonKeys, after event: EventID
    ) throws -> (events: [EventID], last: EventID?) {
        let found = try keys.all.flatMap {
            try session.events(
                ofKey: people.number(of: $0), after: event, limit: Self.eraseSlice)
        }
        // Of every key the first ones are there: the smallest of all are complete.
        let slice = found.sorted { $0.id < $1.id }.prefix(Self.eraseSlice)
        return (Self.own(slice, of: keys), slice.last?.id)
    }

    /// The events that are the person's: by the user, else by the address, else by the
    /// anonymous id alone.
    private static func own(
        _ events: some Sequence<PersonEvent>, of keys: PersonKeys
    ) -> [EventID] {
        let emails = Set(keys.emails.map { $0.lowercased() })
        let theirs = events.filter { event in
            if let user = event.userID { return keys.users.contains(user) }
            return event.email.map { emails.contains($0.lowercased()) } ?? true
        }
        return Set(theirs.map(\.id)).sorted()
    }

    /// Empties a slice of a person's events.
    ///
    /// - Parameters:
    ///   - event: the last event of the slice before; zero for the first.
    ///   - kept: events that are still needed, such as the deletion itself.
    func erase(
        _ keys: PersonKeys, after event: EventID, except kept: Set<EventID>
    ) throws -> EraseStep {
        let (events, last) = try events(of: keys, after: event)
        return try erase(events, of: keys, except: kept, last: last)
    }

    /// Empties events that were found outside, such as those of an earlier version.
    func erase(
        _ others: [PersonEvent], of keys: PersonKeys, except kept: Set<EventID>
    ) throws -> EraseStep {
        try erase(Self.own(others, of: keys), of: keys, except: kept, last: others.last?.id)
    }

    private func erase(
        _ events: [EventID], of keys: PersonKeys, except kept: Set<EventID>, last: EventID?
    ) throws -> EraseStep {
        try endWaiting(of: events)
        var step = EraseStep(last: last)
        for event in events {
            if kept.contains(event) {
                try session.postponeEmptying(of: event)
            } else if try session.hasOpenDelivery(event) {
                try session.postponeEmptying(of: event)
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

    /// Empties events of forgotten people whose last delivery has ended meanwhile.
    ///
    /// - Returns: true when there were some.
    func emptyPostponed() throws -> Bool {
        let events = try session.postponedAndEnded(limit: Self.eraseSlice)
        for event in events { try session.empty(event) }
        return !events.isEmpty
    }

    /// Rejected bodies that one transaction looks through.
    private static let rejectedSlice = 100

    /// Removes the rejected bodies of a slice, and last errors, that name the person.
    ///
    /// - Parameter number: the last row of the slice before; 0 for the first.
    func eraseRejected(_ keys: PersonKeys, after number: Int64) throws -> RejectedStep {
        let texts = Set(keys.all.map { $0.value.lowercased() })
        var found: [Int64] = []
        var last: Int64?
        try session.forEachRejection(after: number, limit: Self.rejectedSlice) { rejected in
            last = rejected.number
            let beside = rejected.beside.lowercased()
            if Self.names(texts, in: rejected.bytes)
                || texts.contains(where: { $0.count > 3 && beside.contains($0) })
            {
                found.append(rejected.number)
            }
        }
        if number == 0 {
            lastSeen.forget()
            try session.removeErrors(holding: texts)
        }
        try session.removeRejections(found)
        return RejectedStep(removed: found.count, last: last)
    }

    /// Values of a rejected body that are looked at.
    private static let valuesMax = 500

    /// True when a rejected body names somebody who was forgotten, by a user id or an email.
    func namesForgotten(_ body: [UInt8]) throws -> Bool {
        guard session.hasPeople, let root = try? JSONReader.readRepairing(body).document.root
        else { return false }
        var open = [root]
        var left = Self.valuesMax
        while let value = open.popLast(), left > 0 {
            left -= 1
            open += value.elements + value.members.map(\.value)
            guard let text = value.identifier, !text.isEmpty else { continue }
            if try people.standing(IdentityKey(.user, text))?.isErased ?? false { return true }
            guard text.contains("@"), case .usable(let email) = EmailCheck(text) else { continue }
            if try people.standing(IdentityKey(.email, email))?.isErased ?? false { return true }
        }
        return false
    }

    /// Keeps what was removed of a person: counts and names of destinations alone.
    func saveReceipt(_ receipt: String, of keys: PersonKeys) throws {
        for key in keys.known {
            try audit(Self.receipts, of: people.hash(of: key), detail: receipt)
        }
    }

    /// The action under which the audit keeps receipts.
    package static let receipts = "forget receipt"

    /// True when a body holds one of the texts as a value; a body that is no JSON, anywhere.
    private static func names(_ texts: Set<String>, in body: [UInt8]) -> Bool {
        guard let root = try? JSONReader.readRepairing(body).document.root else {
            let text = String(decoding: body, as: UTF8.self).lowercased()
                .replacing("%40", with: "@").replacing("\\u0040", with: "@")
            return texts.contains { text.contains($0) }
        }
        let addresses = texts.filter { $0.contains("@") }
        var open = [root]
        while let value = open.popLast() {
            open += value.elements + value.members.flatMap { [$0.key, $0.value] }
            guard let text = value.identifier?.lowercased() else { continue }
            if texts.contains(text) { return true }
            let plain = text.replacing("%40", with: "@")
            if addresses.contains(where: { plain.contains($0) }) { return true }
        }
        return false
    }
}

/// One slice of emptying a person's events.
package struct EraseStep: Sendable, Equatable {
    package var erased = 0
    /// Events with deliveries under way; they are emptied later.
    package var busy = 0
    /// The last event that was looked at; nil when there was none any more.
    package var last: EventID?

    package init(erased: Int = 0, busy: Int = 0, last: EventID? = nil) {
        self.erased = erased
        self.busy = busy
        self.last = last
    }
}

/// One slice of looking through rejected bodies.
package struct RejectedStep: Sendable, Equatable {
    /// Bodies that were removed.
    package let removed: Int
    /// The last row that was looked at; nil when there was none any more.
    package let last: Int64?

    package init(removed: Int, last: Int64?) {
        self.removed = removed
        self.last = last
    }
}

extension Rejection {
    /// The rejection of a body that names a forgotten person: that it came, and why not more.
    var emptied: Rejection {
        Rejection(
            index: index, messageID: nil, problem: problem,
            body: Array("The body named a person who was forgotten; it is not kept.".utf8))
    }
}
