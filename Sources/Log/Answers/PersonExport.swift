import Consent
package import Events
import JSON

/// The answer to a person who asks for their data: the consent and the events that are found under
/// one user id or email.
package struct PersonExport {
    /// Events that are exported at the most.
    private static let limit = 1_000_000

    private let id: String
    private let log: any DeliveryLog

    /// - Parameter id: a user id or an email.
    package init(of id: String, from log: any DeliveryLog) {
        self.id = id
        self.log = log
    }

    /// The events of the id, and those of the user's addresses that name nobody else.
    private func events() throws -> Set<EventID> {
        let user = IdentityKey(.user, id)
        var found = Set(try log.events(of: user, limit: Self.limit))
        found.formUnion(try log.events(of: IdentityKey(.email, id), limit: Self.limit))
        for email in try log.identifiers(.email, inEventsOf: user) {
            for event in try log.events(of: IdentityKey(.email, email), limit: Self.limit)
            where try log.event(event)?.identity.person == nil {
                found.insert(event)
            }
        }
        return found
    }

    /// The person's consent, events with their bodies, and deliveries, as one JSON object.
    package func json(at now: Timestamp) throws -> [UInt8] {
        let standings = try log.standings(of: id)
        let events = try events()
        var writer = JSONWriter()
        writer.beginObject()
        writer.member("person", id)
        writer.key("consent")
        standings.appendJSON(to: &writer)
        writer.key("events")
        writer.beginArray()
        for event in events.sorted() {
            guard let story = try Explanation(of: event, from: log) else { continue }
            writer.beginObject()
            writer.key("body")
            writer.value(story.row.event.document.root)
            writer.key("log")
            story.appendJSON(to: &writer, at: now)
            writer.endObject()
        }
        writer.endArray()
        writer.endObject()
        return writer.bytes
    }
}
