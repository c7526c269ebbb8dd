import Accept
import Events
import Identify
import JSON
import Log
import Map
import Pipeline
import Store

/// Forgets a person: stops sending to them, has destinations delete them, removes what is kept.
struct Forgetting: Sendable {
    let store: StoreEngine
    let log: any DeliveryLog
    let pipeline: Pipeline
    let clock: WorldClock
    /// True while deliveries are made; else nobody can take the deletion now.
    let isServing: Bool

    /// The event that asks destinations to delete a person; their blueprints map it.
    static let event = "User Deleted"
    /// The time that destinations get to take it, and that the files get to become clean.
    private static let patience: Duration = .seconds(30)
    private static let pause: Duration = .milliseconds(50)
    /// Events of an earlier version that one transaction empties.
    private static let slice = 100
    private static let looks = Int(patience.milliseconds / pause.milliseconds)

    /// - Parameter id: a user id or an email.
    func run(_ id: String) async throws -> ForgetReport {
        let isKnown = try knows(id)
        let keys = try await begin(id)
        var report = ForgetReport()
        var own: Set<EventID> = []
        for user in keys.users.sorted() {
            if let event = try await askDestinations(toDelete: user) { own.insert(event) }
        }
        let open = try await wait(for: own)
        try addDestinations(of: own, to: &report)
        report.identifiers = keys.all.count
        report.isKnown = isKnown
        report.postponed = open.count
        let isFinished = try await erase(keys, except: open, into: &report)
        // The deletions themselves are not the person's.
        report.events -= min(report.events, own.count - open.count)
        try await eraseRejected(keys, into: &report)
        // What is still under way is emptied by itself when it has ended.
        try await store.finishForgetting(keys)
        // What came between the last look and the end of their rows.
        _ = try await store.erase(keys, after: .none, except: open)
        for _ in 0..<Self.looks where !report.isClean {
            report.isClean =
                try await store.clean() && isFinished && report.postponed == 0
            if !open.isEmpty || !isFinished { break }
            if !report.isClean { try await Task.sleep(for: Self.pause) }
        }
        let text = JSONWriter.make { writer in
            writer.beginObject()
            report.appendMembers(to: &writer)
            writer.endObject()
        }
        try await store.saveReceipt(String(decoding: text, as: UTF8.self), of: keys)
        return report
    }

    private func knows(_ id: String) throws -> Bool {
        if try !Explanation.events(for: id, in: log, limit: 1).isEmpty { return true }
        return try [IdentityKey(.user, id), IdentityKey(.email, id)].contains {
            let person = try log.person($0)
            return person.identity != nil || person.standing != nil
        }
    }

    /// Stops all sending to the person, and finds every identifier.
    ///
    /// The store follows a person's newest events. All the others are read here, beside the writer.
    private func begin(_ id: String) async throws -> PersonKeys {
        var keys = try await store.beginForgetting(id)
        // Only the address that was given leads to its users; others are shared.
        if case .usable(let email) = EmailCheck(id), keys.emails.contains(email) {
            let key = IdentityKey(.email, email)
            for user in try log.identifiers(.user, inEventsOf: key).subtracting(keys.users) {
                keys.formUnion(try await store.beginForgetting(user))
            }
        }
        var all = keys
        for user in keys.users {
            let key = IdentityKey(.user, user)
            all.emails.formUnion(try log.identifiers(.email, inEventsOf: key))
            all.anonymous.formUnion(try log.identifiers(.anonymous, inEventsOf: key))
        }
        return all == keys ? keys : try await store.beginForgetting(all)
    }

    /// Empties the person's events slice by slice, until none is under way any more.
    ///
    /// - Returns: false when some were still under way at the end, which the report counts.
    private func erase(
        _ keys: PersonKeys, except open: Set<EventID>, into report: inout ForgetReport
    ) async throws -> Bool {
        for slice in try log.unfoundEvents(ofDevices: keys.anonymous).slices(of: Self.slice) {
            let events = slice.map { PersonEvent(id: $0, userID: nil, email: nil) }
            let step = try await store.erase(events, of: keys, except: open)
            report.events += step.erased
            report.postponed += step.busy
        }
        var busy = 0
        for _ in 0..<Self.looks {
            busy = 0
            var last: EventID? = EventID.none
            while let from = last {
                let step = try await store.erase(keys, after: from, except: open)
                report.events += step.erased
                busy += step.busy
                last = step.last
            }
            if busy == 0 { return true }
            try await Task.sleep(for: Self.pause)
        }
        report.postponed += busy
        return false
    }

    private func eraseRejected(
        _ keys: PersonKeys, into report: inout ForgetReport
    ) async throws {
        var last: Int64? = 0
        while let from = last {
            let step = try await store.eraseRejected(keys, after: from)
            report.rejected += step.removed
            last = step.last
        }
    }

    /// Queues the deletion for the destinations that know one.
    private func askDestinations(toDelete user: String) async throws -> EventID? {
        let text = JSONWriter.make { writer in
            writer.beginObject()
            writer.member("type", "track")
            writer.member("event", Self.event)
            writer.member("userId", user)
            writer.endObject()
        }
        let acceptor = Acceptor()
        let envelope = try acceptor.single(
            try acceptor.read(text), type: nil, from: EventSource(name: "forget", trusted: true),
            at: clock.now())
        return try await store.accept(envelope, from: "forget").first?.id
    }

    /// Waits until the deletions have ended.
    ///
    /// - Returns: the events whose deletion is still on its way.
    private func wait(for events: Set<EventID>) async throws -> Set<EventID> {
        var open = events
        for _ in 0..<Self.looks {
            open = try open.filter { event in
                try log.deliveries(of: event).contains { !$0.state.isFinal }
            }
            if open.isEmpty || !isServing { return open }
            try await Task.sleep(for: Self.pause)
        }
        return open
    }

    private func addDestinations(of events: Set<EventID>, to report: inout ForgetReport) throws {
        for event in events.sorted() {
            for row in try log.deliveries(of: event) {
                let name = row.id.destination
                if let status = row.status, let moment = row.endedAt {
                    report.answers.append("\(name): \(status) at \(moment.iso8601)")
                }
                if row.state == .delivered {
                    report.forwarded.append(name)
                } else {
                    let why = row.state.isFinal ? row.reason?.sentence ?? "" : "it is on its way"
                    report.unforwarded.append("\(name): \(why)")
                }
            }
        }
        if events.isEmpty {
            report.unforwarded = pipeline.destinations.map { "\($0.name): no user id is known" }
        }
    }
}
