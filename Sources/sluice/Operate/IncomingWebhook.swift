import Accept
import Events
import JSON
import Log
import Map
import Webhooks

/// A webhook that would become an event, and how its source's blueprint maps it.
struct IncomingWebhook {
    let event: Event
    let preview: WebhookPreview

    /// The webhooks of a body: those that would become events, and those that would be kept apart.
    typealias Reading = (
        events: [IncomingWebhook], rejections: [(index: Int, problem: Problem)]
    )

    /// Reads a body as the server would, without storing anything.
    ///
    /// - Parameters:
    ///   - headers: the webhook's headers, each as `Name: value`.
    ///   - name: the webhook source that the body is meant for.
    /// - Throws: the reason why nothing of the body can be used.
    static func read(
        _ bytes: [UInt8], headers: [String], from name: String, in sources: [WebhookSource]
    ) throws -> Reading {
        guard let source = sources.first(where: { $0.name == name }) else {
            throw Problem.noSuchSource(name, among: sources.map(\.name), kind: "webhook source")
        }
        let fields = fields(of: headers)
        let now = WorldClock.system.now()
        let reading = WebhookReader(acceptor: Acceptor()).read(
            bytes, headers: fields, from: source, at: now)
        if let problem = reading.problem { throw problem }
        let items = try Acceptor().read(try source.blueprint.json(of: bytes)).document.root
        let all = items.kind == .array ? items.elements : [items]
        let events = reading.envelope.events.compactMap { index, event -> IncomingWebhook? in
            guard
                let input = MapInput(
                    webhook: source.neverStore.webhook(all[index]).0,
                    headers: source.neverStore.cleaned(headers: fields), source: name, at: now)
            else { return nil }
            let kind = source.blueprint.kind(of: input)
            return IncomingWebhook(
                event: event.accepted(as: EventID(first: now)),
                preview: WebhookPreview(
                    kind: kind, trace: source.blueprint.plan(for: kind).trace(input, kind: kind)))
        }
        return (events, reading.envelope.rejections.map { ($0.index, $0.problem) })
    }

    private static func fields(of headers: [String]) -> [String: String] {
        var fields: [String: String] = [:]
        for header in headers {
            guard let colon = header.firstIndex(of: ":") else { continue }
            let value = header[header.index(after: colon)...].drop { $0 == " " }
            fields[header[..<colon].lowercased()] = String(value)
        }
        return fields
    }
}
