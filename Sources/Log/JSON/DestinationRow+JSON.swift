package import Events
package import JSON

extension [DestinationRow] {
    /// The destinations and how they stand, as a JSON array.
    package func appendJSON(to writer: inout JSONWriter, at now: Timestamp) {
        writer.objects(of: self) { $0.appendMembers(to: &$1, at: now) }
    }
}

extension DestinationRow {
    /// The destination and how it stands, as members of an open JSON object.
    fileprivate func appendMembers(to writer: inout JSONWriter, at now: Timestamp) {
        writer.member("name", name)
        writer.member("state", state)
        writer.member("message", sentence(at: now))
        writer.member("host", host)
        writer.member("heldSince", hold?.since.iso8601)
        writer.member("hint", hold?.hint)
        writer.member("fix", hold?.fix)
        writer.member("example", hold?.delivery)
        writer.member("restingSince", restingSince?.iso8601)
        writer.member("restingUntil", restingUntil?.iso8601)
        writer.member("pausingUntil", pausingUntil?.iso8601)
        writer.member("refusedInARow", refusedInARow)
        writer.member("waiting", waiting)
        writer.member("oldestWaiting", oldestWaiting?.iso8601)
        writer.member("lastDelivered", lastDelivered?.iso8601)
        writer.member("lastError", lastError)
        writer.member("lastErrorAt", lastErrorAt?.iso8601)
    }
}
