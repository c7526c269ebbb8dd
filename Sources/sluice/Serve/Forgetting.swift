import Accept
import Deliver
import Events
import JSON
import Map
import Pipeline
import SQLiteStore
import Store

/// Forgets a person: suppresses first, tells the destinations, then removes what is kept.
struct Forgetting: Sendable {
    let store: StoreEngine
    let log: any DeliveryLog
    let pipeline: Pipeline
    let clock: WorldClock
    /// Whether deliveries are made meanwhile.
    let isServing: Bool

    /// The event that asks destinations to delete a person; their blueprints map it.
    static let event = "User Deleted"
    /// Milliseconds the destinations get to take it.
    private static let patience = 30_000
    private static let pause = 50

    struct Report: Sendable {
        var events = 0
        var rejected = 0
        /// Destinations that took the deletion.
        var forwarded: [String] = []
        /// Destinations that did not, and why.
        var unforwarded: [String] = []
        /// Whether nothing of the person is left in the files.
        var isClean = false
    }

    func run(_ id: String) async throws -> Report {
        let keys = try await store.suppressErased(id)
        var report = Report()
        var own: Set<EventID> = []
        for user in keys.users.sorted() {
            if let event = try await ask(user) { own.insert(event) }
        }
        let open = try await wait(for: own)
        try note(own, into: &report)
        var isFinished = false
        for _ in 0..<Self.patience / Self.pause {
            let step = try await store.erase(keys, except: open)
            report.events += step.erased
            isFinished = step.erased == 0 && step.busy == 0
            if isFinished { break }
            if step.erased == 0 { try await Task.sleep(for: .milliseconds(Self.pause)) }
        }
        report.rejected = try await store.eraseRejected(keys)
        for _ in 0..<Self.patience / Self.pause where !report.isClean {
            report.isClean = try await store.clean() && open.isEmpty && isFinished
            if !open.isEmpty || !isFinished { break }
            if !report.isClean { try await Task.sleep(for: .milliseconds(Self.pause)) }
        }
        return report
    }

    /// Queues the deletion for the destinations that know one.
    private func ask(_ user: String) async throws -> EventID? {
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

    /// Waits until the deletions have ended; gives those that have not.
    private func wait(for events: Set<EventID>) async throws -> Set<EventID> {
        var open = events
        for _ in 0..<Self.patience / Self.pause {
            open = try open.filter { event in
                try log.deliveries(of: event).contains { !$0.state.isFinal }
            }
            if open.isEmpty || !isServing { return open }
            try await Task.sleep(for: .milliseconds(Self.pause))
        }
        return open
    }

    private func note(_ events: Set<EventID>, into report: inout Report) throws {
        for event in events.sorted() {
            for row in try log.deliveries(of: event) {
                let name = row.id.destination
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
