package import Events
package import JSON

extension DeliveryRow {
    /// The delivery as JSON, with the words in it.
    package func appendJSON(to writer: inout JSONWriter, at now: Timestamp) {
        writer.beginObject()
        appendMembers(to: &writer, at: now)
        writer.endObject()
    }

    /// The delivery as members of an open JSON object, to which more may be added.
    package func appendMembers(to writer: inout JSONWriter, at now: Timestamp) {
        writer.member("id", id.text)
        writer.member("eventId", id.event.text)
        writer.member("messageId", messageID)
        writer.member("event", eventName)
        writer.member("source", source)
        writer.member("userId", userID)
        writer.member("email", email)
        writer.member("receivedAt", receivedAt.iso8601)
        writer.member("destination", id.destination)
        writer.member("state", shownState)
        writer.member("reason", reason?.rawValue)
        writer.member("detail", detail)
        writer.member("attempts", attempt)
        writer.member("status", status)
        writer.member("dueAt", hold == nil ? nextDue?.iso8601 : nil)
        writer.member("endedAt", endedAt?.iso8601)
        writer.member("blueprintRevision", revision)
        writer.member("outOfOrder", outOfOrder)
        if let consent {
            writer.key("consent")
            writer.beginObject()
            writer.member("category", consent.category)
            writer.member("answer", consent.answer)
            writer.member("origin", consent.origin)
            writer.member("at", consent.at.iso8601)
            writer.member("rule", consent.rule)
            writer.endObject()
        }
        writer.member("message", sentence(at: now))
        writer.member("hint", advice)
    }
}
