import Events
package import JSON

extension EventRow {
    /// The event without its body, as members of an open JSON object.
    package func appendMembers(to writer: inout JSONWriter) {
        writer.member("id", event.id.text)
        writer.member("messageId", event.messageID)
        writer.member("source", event.source)
        writer.member("type", event.type.rawValue)
        writer.member("name", event.name)
        writer.member("userId", event.userID)
        writer.member("anonymousId", event.anonymousID)
        writer.member("email", identity.email)
        writer.member("timestamp", event.timestamp.iso8601)
        writer.member("receivedAt", event.receivedAt.iso8601)
        writer.key("marks")
        writer.beginArray()
        for mark in event.marks { writer.string(mark.text) }
        writer.endArray()
    }
}
