package import Events
package import JSON

extension DeliveryDetail {
    /// The delivery with its requests and attempts, as JSON.
    package func appendJSON(to writer: inout JSONWriter, at now: Timestamp) {
        writer.beginObject()
        row.appendMembers(to: &writer, at: now)
        writer.key("requests")
        requests.appendJSON(to: &writer)
        writer.key("attemptList")
        writer.beginArray()
        for attempt in attempts {
            attempt.appendJSON(to: &writer, sent: earlierRequest(of: attempt))
        }
        writer.endArray()
        writer.endObject()
    }
}

extension AttemptRow {
    /// The attempt as JSON, with what its answer means.
    ///
    /// - Parameter sent: the request that it sent, where it is another than the delivery's now.
    package func appendJSON(to writer: inout JSONWriter, sent: MappedRequest? = nil) {
        writer.beginObject()
        writer.member("run", attempt.run)
        writer.member("number", attempt.number)
        writer.member("step", attempt.step)
        writer.member("startedAt", attempt.startedAt.iso8601)
        writer.member("durationMs", attempt.duration)
        writer.member("status", attempt.status)
        writer.member("class", attempt.answerClass?.rawValue)
        writer.member("note", attempt.note)
        writer.member("answer", attempt.answer)
        writer.member("hint", hint)
        writer.member("fix", fix)
        if let sent {
            writer.key("sent")
            [sent].appendJSON(to: &writer)
        }
        writer.endObject()
    }
}

extension [MappedRequest] {
    /// The requests as a JSON array, with secrets masked; a JSON body is shown as JSON.
    package func appendJSON(to writer: inout JSONWriter) {
        writer.objects(of: self) { request, writer in
            writer.member("name", request.name)
            writer.member("method", request.method)
            writer.member("url", request.url.text)
            writer.key("body")
            if request.encoding == .json {
                writer.raw(request.body.bytes[...])
            } else {
                writer.string(request.body.text)
            }
        }
    }
}
