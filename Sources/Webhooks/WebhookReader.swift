package import Accept
package import Events
package import JSON
import Identify
import Map

/// Turns webhook bodies into events.
package struct WebhookReader: Sendable {
    private let acceptor: Acceptor

    package init(acceptor: Acceptor) { self.acceptor = acceptor }

    /// The result of reading a body.
    package struct Reading: Sendable {
        package var envelope: Envelope
        /// The fault when nothing of the body could be used; `envelope` still keeps the body.
        package var problem: Problem?
    }

    /// Reads a body: one webhook, or a list of them.
    ///
    /// - Parameters:
    ///   - headers: those the blueprint reads, names in lower case.
    ///   - repeatable: what makes a repeat recognisable; nil when equal bodies are real.
    package func read(
        _ bytes: [UInt8], headers: [String: String], from source: WebhookSource,
        repeatable: String? = nil, at now: Timestamp
    ) -> Reading {
        let headers = source.neverStore.cleaned(headers: headers)
        do throws(Problem) {
            let text = try acceptor.read(try source.blueprint.json(of: bytes))
            let root = text.document.root
            let items = root.kind == .array ? root.elements : [root]
            guard items.count <= acceptor.limits.batchEvents else {
                throw Problem(
                    code: "too_many_events",
                    message:
                        "The body has \(items.count) webhooks; \(acceptor.limits.batchEvents) are allowed.",
                    hint: Self.keptHint)
            }
            var reading = Reading(envelope: Envelope())
            let faults = text.faults
            var seen: Set<String> = []
            for (index, given) in items.enumerated() {
                let repairs = text.repairs.filter { given.range.contains($0.offset) }
                let fault = faults.first { given.range.contains($0.offset) }
                let messageID = repeatable.map { items.count == 1 ? $0 : "\($0)_\(index)" }
                do throws(Problem) {
                    if let fault {
                        throw Problem(
                            code: fault.code.rawValue,
                            message: "\(fault.message) (byte \(fault.offset))",
                            hint: Self.keptHint)
                    }
                    let (item, removed) = source.neverStore.webhook(given)
                    var event = try event(
                        item, repairs: repairs, removed: removed, headers: headers, from: source,
                        at: now)
                    if let messageID, Self.lacksOwnID(event, headers: headers, from: source) {
                        event = event.withMessageID(messageID)
                    }
                    reading.envelope.events.append((index, event))
                } catch {
                    let kept = source.neverStore.cleaned(body: Array(given.raw))
                    reading.envelope.rejections.append(
                        Rejection(
                            index: index, messageID: messageID, problem: error,
                            body: kept.bytes, headers: Self.text(headers), removed: kept.paths))
                }
                // A header's id is the whole body's: the elements are still several events.
                let last = reading.envelope.events.count - 1
                guard last >= 0, reading.envelope.events[last].index == index else { continue }
                let event = reading.envelope.events[last].event
                let id = event.messageID
                if !id.isEmpty, !seen.insert(id).inserted {
                    reading.envelope.events[last].event = event.withMessageID("\(id)_\(index)")
                }
            }
            if items.count == 1, let rejection = reading.envelope.rejections.first,
                !faults.isEmpty
            {
                reading.problem = rejection.problem
            }
            return reading
        } catch {
            return kept(bytes, headers: headers, from: source, because: error)
        }
    }

    /// A body nothing can be made of; kept whole, but for what the source never stores.
    package func kept(
        _ bytes: [UInt8], headers: [String: String], from source: WebhookSource,
        because problem: Problem
    ) -> Reading {
        let headers = source.neverStore.cleaned(headers: headers)
        let kept = source.neverStore.cleaned(body: bytes)
        let rejection = Rejection(
            index: 0, messageID: nil, problem: problem, body: kept.bytes,
            headers: Self.text(headers), removed: kept.paths)
        return Reading(envelope: Envelope(rejections: [rejection]), problem: problem)
    }

    private static let keptHint =
        "The body was kept: see sluice rejected, and replay it with sluice source replay."

    /// True when an event has no message id, or only one that came in a header which is not signed:
    /// that cannot make a repeat look new.
    private static func lacksOwnID(
        _ event: Event, headers: [String: String], from source: WebhookSource
    ) -> Bool {
        let unsigned = headers.filter { !source.verification.signs(header: $0.key) }
        return event.messageID.isEmpty || unsigned.values.contains(event.messageID)
    }

    /// The one event a webhook becomes.
    ///
    /// - Parameter removed: paths of values that were removed from it.
    package func event(
        _ item: JSONValue, repairs: [RepairedPlace] = [], removed: [String] = [],
        headers: [String: String],
        from source: WebhookSource, at now: Timestamp
    ) throws(Problem) -> Event {
        guard let input = MapInput(webhook: item, headers: headers, source: source.name, at: now)
        else {
            throw Problem(
                code: "too_deep", message: "The webhook is nested too deeply.",
                hint: Self.keptHint)
        }
        let kind = source.blueprint.kind(of: input)
        let document: JSONDocument
        do {
            let bytes = try source.blueprint.plan(for: kind).build(input, kind: kind)
            document = try JSONReader.read(bytes)
        } catch let fault as MappingFault {
            throw Problem(
                code: "not_mapped", message: fault.detail,
                hint: "Correct the source's blueprint, then: sluice source replay \(source.name)")
        } catch {
            throw Problem(
                code: "not_mapped", message: "The mapped event cannot be read.",
                hint: "Correct the source's blueprint, then: sluice source replay \(source.name)")
        }
        let envelope = try acceptor.single(
            RepairedText(document: document, repairs: repairs), type: nil,
            from: EventSource(
                name: source.name, trusted: source.trusted, placeholders: source.placeholders,
                neverStore: source.neverStore),
            at: now, removed: removed)
        if let rejection = envelope.rejections.first { throw rejection.problem }
        guard let event = envelope.events.first?.event else {
            throw Problem(
                code: "not_mapped", message: "The webhook became no event.", hint: Self.keptHint)
        }
        try requirePerson(of: event, from: source)
        return event
    }

    /// Refuses a webhook whose person cannot be read: it would be taken and do nothing.
    private func requirePerson(
        of event: Event, from source: WebhookSource
    ) throws(Problem) {
        if event.userID != nil || event.anonymousID != nil { return }
        let email = StatedEmail(in: event)
        if email.isUsable { return }
        let fault = email == .hashed ? "is a digest of an address" : "is not one address"
        throw Problem(
            code: "unreadable_person",
            message: "The webhook names its person by an email alone, and it \(fault).",
            hint: "Nothing was changed for anybody; stop a person with: sluice suppress ID. If the "
                + "blueprint reads a wrong field, correct it, then: "
                + "sluice source replay \(source.name)")
    }

    /// Headers as the store keeps them beside a body.
    private static func text(_ headers: [String: String]) -> String? {
        guard !headers.isEmpty else { return nil }
        let bytes = JSONWriter.make { writer in
            writer.beginObject()
            for (name, value) in headers.sorted(by: { $0.key < $1.key }) {
                writer.member(name, value)
            }
            writer.endObject()
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Headers as they were kept.
    package static func headers(_ text: String?) -> [String: String] {
        let members = text.flatMap { try? JSONReader.read(text: $0) }?.root.members ?? .empty
        return Dictionary(
            members.compactMap { member in
                member.key.string.flatMap { key in member.value.string.map { (key, $0) } }
            }, uniquingKeysWith: { first, _ in first })
    }
}
