package import Events
import Identify
package import JSON

/// The answer to "why?" for one event: how it came in, whose it is, and what each destination did.
package struct Explanation: Sendable {
    /// The event and the person it belongs to.
    package let row: EventRow
    /// The deliveries that were asked about, each with everything.
    package let details: [DeliveryDetail]
    /// The user that the event's anonymous id turned out to be since; nil when the event names
    /// somebody, and when nobody knows.
    package let laterUser: String?
    /// The event that named this user first; nil when retention has removed it.
    package let laterUserEvent: EventRow?

    /// Collects what the log knows about an event; nil when the log has no such event.
    ///
    /// - Parameter only: the one destination that is asked about; nil for all.
    package init?(of event: EventID, only: String? = nil, from log: any DeliveryLog) throws {
        guard let row = try log.event(event) else { return nil }
        self.row = row
        let device = row.identity.person == nil ? row.identity.anonymousID : nil
        let user = try device.flatMap {
            try log.person(IdentityKey(.anonymous, $0)).identity?.onlyOwner
        }
        let named = try user.flatMap {
            try log.firstEvent(of: $0, on: device ?? "", after: event)
        }
        laterUser = user
        laterUserEvent = try named.flatMap { try log.event($0) }
        let deliveries = try log.deliveries(of: event).filter {
            only == nil || $0.id.destination == only
        }
        details = try deliveries.compactMap { try log.detail($0.id) }
    }

    /// The events that an id stands for, newest first.
    ///
    /// - Parameters:
    ///   - id: an event, delivery or message id, a user id or an email; tried in this order.
    ///   - limit: events of a person that are given at the most.
    package static func events(
        for id: String, in log: any DeliveryLog, limit: Int
    ) throws -> [EventID] {
        if let event = EventID(id) { return try log.event(event) == nil ? [] : [event] }
        if let delivery = DeliveryID(id) {
            return try log.event(delivery.event) == nil ? [] : [delivery.event]
        }
        let byMessage = try log.events(messageID: id)
        if !byMessage.isEmpty { return byMessage }
        let byUser = try log.events(of: IdentityKey(.user, id), limit: limit)
        if !byUser.isEmpty { return byUser }
        return try log.events(of: IdentityKey(.email, id), limit: limit)
    }

    /// The event with all its deliveries, as JSON.
    package func appendJSON(to writer: inout JSONWriter, at now: Timestamp) {
        writer.beginObject()
        row.appendMembers(to: &writer)
        writer.member("laterUser", laterUser)
        writer.member("laterUserAt", laterUserEvent?.event.receivedAt.iso8601)
        writer.key("deliveries")
        writer.beginArray()
        for detail in details { detail.appendJSON(to: &writer, at: now) }
        writer.endArray()
        writer.endObject()
    }
}
