package import Events
package import JSON

/// Turns request bodies into events: reads the JSON strictly, checks the limits, and corrects the
/// sender's clock.
package struct Acceptor: Sendable {
    /// The limits in force.
    package let limits: AcceptLimits

    /// An acceptor with these limits.
    package init(limits: AcceptLimits = AcceptLimits()) { self.limits = limits }

    /// Reads a body's JSON; numbers that are not finite, halves of surrogate pairs and bytes that
    /// are no UTF-8, which real SDKs send, are repaired.
    package func read(_ bytes: [UInt8]) throws(BodyProblem) -> RepairedText {
        do {
            return try JSONReader.readRepairing(bytes)
        } catch {
            throw problem(of: error)
        }
    }

    /// The envelope of a body that is one event.
    ///
    /// - Parameters:
    ///   - type: the kind that the request's path names; nil when the event names its own.
    ///   - removed: paths of values that were removed from it before.
    package func single(
        _ text: RepairedText, type: EventType?, from source: EventSource, at now: Timestamp,
        removed: [String] = []
    ) throws(BodyProblem) -> Envelope {
        if let fault = text.faults.first { throw problem(of: fault) }
        guard text.document.root.kind == .object else { throw notAnObject("The body") }
        let (document, nowRemoved) = source.neverStore.document(withoutKey(text.document))
        let draft = EventDraft(
            document: document, index: 0, sentAt: nil, repairs: Set(text.repairs.map(\.repair)),
            removed: removed + nowRemoved, type: type)
        var envelope = Envelope()
        finish(draft, into: &envelope, from: source, at: now)
        return envelope
    }

    /// The event of a text as the store would accept it, for trying a pipeline out; an event
    /// without a type is a track.
    package func sample(
        _ bytes: [UInt8], from source: EventSource, at now: Timestamp
    ) throws(Problem) -> Event {
        let text = try read(bytes)
        let envelope = try single(
            text, type: text.document.root["type"] == nil ? .track : nil,
            from: source, at: now)
        guard let event = envelope.events.first?.event else {
            throw envelope.rejections.first?.problem ?? notAnObject("The text")
        }
        return event.accepted(as: EventID(first: now))
    }

    /// The envelope of a body of the form `{"batch": […]}`; what stands beside `batch` is merged
    /// into each event.
    package func batch(
        _ text: RepairedText, from source: EventSource, at now: Timestamp
    ) throws(BodyProblem) -> Envelope {
        let root = text.document.root
        guard root.kind == .object else { throw notAnObject("The body") }
        guard let batch = root["batch"], batch.kind == .array else {
            throw Problem(
                code: "no_batch", message: "The body has no array under \"batch\".",
                hint: "Send {\"batch\": [ {\"type\": \"track\", …}, … ]}.")
        }
        if let outside = text.faults.first(where: { !batch.range.contains($0.offset) }) {
            throw problem(of: outside)
        }
        let items = batch.elements
        guard items.count <= limits.batchEvents else {
            throw Problem(
                code: "too_many_events",
                message: "The batch has \(items.count) events; \(limits.batchEvents) are allowed.",
                hint: "Send smaller batches.")
        }
        let shared = SharedFields(root)
        guard shared.size * items.count <= limits.mergedBytes else {
            throw Problem(
                code: "body_too_large",
                message: "The context of the batch is too large to be copied into every event.",
                hint: "Send smaller batches, or a smaller context.")
        }
        let common = text.repairs.filter { !batch.range.contains($0.offset) }
        var repairs = text.repairs.filter { batch.range.contains($0.offset) }[...]
        var faults = text.faults[...]
        var envelope = Envelope()
        for (index, item) in items.enumerated() {
            let mine = removeFirst(&repairs, before: item.range.upperBound, \.offset)
            let wrong = removeFirst(&faults, before: item.range.upperBound, \.offset)
            do throws(Problem) {
                if let fault = wrong.first { throw problem(of: fault) }
                let (document, removed) = source.neverStore.document(
                    withoutKey(try merged(item, shared)))
                let draft = EventDraft(
                    document: document, index: index, sentAt: shared.sentAt,
                    repairs: Set((common + mine).map(\.repair)), removed: removed, type: nil)
                finish(draft, into: &envelope, from: source, at: now)
            } catch {
                let kept = source.neverStore.cleaned(body: Array(item.raw))
                envelope.rejections.append(
                    Rejection(
                        index: index,
                        messageID: (item["messageId"] ?? item["message_id"])?.identifier,
                        problem: error, body: Array(kept.bytes.prefix(limits.rejectedBytes)),
                        removed: kept.paths))
            }
        }
        return envelope
    }

    /// Removes the first elements, as far as they stand before an offset, and returns them.
    private func removeFirst<Element>(
        _ elements: inout ArraySlice<Element>, before offset: Int, _ place: KeyPath<Element, Int>
    ) -> [Element] {
        let mine = elements.prefix { $0[keyPath: place] < offset }
        elements = elements.dropFirst(mine.count)
        return Array(mine)
    }

    /// A batch's event as a document of its own; checked for size before anything is copied.
    private func merged(
        _ item: JSONValue, _ shared: SharedFields
    ) throws(Problem) -> JSONDocument {
        guard item.kind == .object else { throw notAnObject("The event") }
        let size = item.range.count + shared.size
        guard size <= limits.eventBytes else { throw EventDraft.tooLarge(size, limits) }
        return shared.merged(into: item)
    }

    private static let credentials: [JSONKey] = ["writeKey", "write_key"]

    /// The document without write keys: they are credentials, and not stored with events.
    private func withoutKey(_ document: JSONDocument) -> JSONDocument {
        let root = document.root
        guard Self.credentials.contains(where: { root[$0] != nil }) else { return document }
        let bytes = JSONWriter.make { writer in
            writer.beginObject()
            for member in root.members
            where !Self.credentials.contains(JSONKey(member.key.string ?? "")) {
                writer.key(quoted: member.key.raw)
                writer.value(member.value)
            }
            writer.endObject()
        }
        return (try? JSONReader.read(bytes)) ?? .emptyObject
    }

    /// Adds the event of a draft to an envelope, or its rejection.
    private func finish(
        _ draft: EventDraft, into envelope: inout Envelope, from source: EventSource,
        at now: Timestamp
    ) {
        do {
            let event = try draft.event(from: source, at: now, limits: limits)
            envelope.events.append((draft.index, event))
        } catch {
            envelope.rejections.append(
                Rejection(
                    index: draft.index, messageID: draft.messageID, problem: error,
                    body: Array(draft.document.bytes.prefix(limits.rejectedBytes)),
                    removed: draft.removed))
        }
    }

    /// The problem of a fault in a text, with what to do.
    package func problem(of error: JSONError) -> Problem {
        Problem(
            code: error.code.rawValue, message: "\(error.message) (byte \(error.offset))",
            hint: hint(for: error.code))
    }

    private func notAnObject(_ what: String) -> Problem {
        Problem(
            code: "not_an_object", message: "\(what) is not a JSON object.",
            hint: "Send an event as { … }.")
    }

    private func hint(for code: JSONError.Code) -> String {
        switch code {
        case .empty: "Send an event as a JSON object."
        case .encoding: "Send the body in UTF-8."
        case .syntax: "Correct the JSON at that byte; a JSON library never writes this."
        case .duplicateKey: "Give each key of an object once."
        case .depth: "Flatten the event; at most \(JSONReader.maximumDepth) levels are read."
        case .size: "Send smaller batches."
        }
    }
}
