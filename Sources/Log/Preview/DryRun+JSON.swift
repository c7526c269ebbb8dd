import Events
package import JSON
package import Map
package import Pipeline

/// A webhook that a dry run began with, and what its source's blueprint made of it.
package struct WebhookPreview: Sendable {
    /// The kind that the blueprint recognised; empty for none.
    package let kind: String
    /// The way of every value through the blueprint.
    package let trace: MappingTrace

    package init(kind: String, trace: MappingTrace) {
        self.kind = kind
        self.trace = trace
    }
}

extension DryRun {
    /// The event and what every destination would do with it, as JSON.
    ///
    /// - Parameter webhook: the webhook that the event was made from; nil for other events.
    package func appendJSON(to writer: inout JSONWriter, webhook: WebhookPreview?) {
        writer.beginObject()
        if let webhook {
            writer.key("webhook")
            writer.beginObject()
            writer.member("kind", webhook.kind)
            webhook.trace.appendMembers(to: &writer)
            writer.endObject()
        }
        writer.key("event")
        writer.beginObject()
        EventRow(event: event, identity: identity).appendMembers(to: &writer)
        writer.endObject()
        writer.key("destinations")
        writer.beginArray()
        for outcome in outcomes { outcome.appendJSON(to: &writer) }
        writer.endArray()
        writer.key("effects")
        writer.beginArray()
        for change in changes { writer.string(change) }
        writer.endArray()
        writer.endObject()
    }
}

extension DryRun.Outcome {
    /// The verdict of one destination and the requests it would get, as JSON.
    fileprivate func appendJSON(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("destination", destination)
        writer.member("verdict", reason?.state.rawValue ?? "sent")
        writer.member("reason", reason?.rawValue)
        writer.member("detail", detail)
        writer.member("hint", reason?.hint(consent: consent, detail: detail))
        (trace ?? .empty).appendMembers(to: &writer)
        writer.key("requests")
        requests.appendJSON(to: &writer)
        writer.endObject()
    }
}
