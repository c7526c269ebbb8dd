import Accept
import ArgumentParser
import Deliver
import Events
import Identify
import JSON
import Map
import Pipeline
import SQLiteStore
import Webhooks

struct ExplainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain",
        abstract: "Take an event through every stage without storing or sending it.",
        discussion: """
            Shows who it belongs to, whether consent lets it pass, where each property goes, which go \
            nowhere with the line of JSON that would map each, and the request with secrets masked. \
            EVENT is a file, '-' for standard input, or the id of a stored event. With --source it is \
            a webhook's body, and what the source's blueprint makes of it comes first.
            """)

    @Argument(help: "A file with one event, '-', or an event id (evt_…).")
    var event: String

    @Option(help: "Only this destination.")
    var destination: String?

    @Option(help: "The webhook source that EVENT is a body of.")
    var source: String?

    @Option(name: .customLong("header"), help: "A header of the webhook, as \"Name: value\".")
    var headers: [String] = []

    @OptionGroup var options: StoreOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
        let file = try PipelineFile.read(
            options.configPath, .init(environment: StoreOptions.environment, needsSecrets: false))
        if let destination, file.pipeline[destination] == nil {
            throw Problem.noSuchDestination(
                destination, among: file.pipeline.destinations.map(\.name))
        }
        guard let source else {
            let (event, people) = try read()
            show(try dryRun(event, people, file))
            return
        }
        for incoming in try Incoming.read(source, try readFile(event), headers, file) {
            let people = try known(incoming.event, email: incoming.event.trait("email")?.string)
            show(try dryRun(incoming.event, people, file), incoming)
        }
    }

    private func dryRun(
        _ event: Event, _ people: MemoryPeople, _ file: PipelineFile
    ) throws -> DryRun {
        try DryRun(event, pipeline: file.pipeline, people: people, destination: destination)
    }

    private func show(_ run: DryRun, _ incoming: Incoming? = nil) {
        let terminal = Terminal.standard
        if output.json {
            terminal.write(json: JSONWriter.make { run.write(to: &$0, incoming) })
            return
        }
        for line in incoming?.lines ?? [] { terminal.write(line) }
        for line in run.lines(terminal) { terminal.write(line) }
    }

    /// The event, and what is known about its person.
    private func read() throws -> (Event, MemoryPeople) {
        if let id = EventID(event) {
            guard let row = try options.log().event(id) else {
                throw Problem(
                    code: "not_found", message: "There is no event \(event).",
                    hint: "List events with: sluice deliveries")
            }
            return (row.event, try known(row.event, email: row.identity.email))
        }
        let read = try Acceptor().sample(
            try readFile(event), from: "explain", at: WorldClock.system.now())
        return (read, try known(read, email: read.trait("email")?.string))
    }

    /// What the store knows about the event's person by now; nothing where there is no store.
    private func known(_ event: Event, email: String?) throws -> MemoryPeople {
        var people = MemoryPeople()
        guard DataDirectory.hasStore(try options.directory()) else { return people }
        let store = try options.store()
        var keys = [
            event.userID.map { IdentityKey(.user, $0) },
            event.previousID.map { IdentityKey(.user, $0) },
            event.anonymousID.map { IdentityKey(.anonymous, $0) },
            email.map { IdentityKey(.email, $0) },
        ].compactMap { $0 }
        var seen: Set<IdentityKey> = []
        while let key = keys.popLast() {
            guard seen.insert(key).inserted else { continue }
            let (identity, standing) = try store.known(key)
            if let standing { people.save(standing, for: key) }
            guard let identity else { continue }
            people.save(identity, for: key)
            if let email = identity.email { keys.append(IdentityKey(.email, email)) }
            if let user = identity.userID { keys.append(IdentityKey(.user, user)) }
        }
        return people
    }
}

extension DryRun {
    fileprivate func lines(_ terminal: Terminal) -> [String] {
        let row = EventRow(event: event, identity: identity)
        var lines = ["\(terminal.colour(printable(event.label), .bold)) · \(event.type.rawValue)"]
        let known = identity.keys.map { "\($0.kind.rawValue) \(printable($0.value))" }
        lines.append(
            "accept: good" + (row.remarks.isEmpty ? "." : ". " + row.remarks.joined(separator: " "))
        )
        lines.append(
            "identify: \(known.isEmpty ? "nobody we know" : known.joined(separator: ", ")).")
        for change in changes { lines.append("effect: \(printable(change)).") }
        for outcome in outcomes { lines += outcome.lines(terminal) }
        return lines
    }

    fileprivate func write(to writer: inout JSONWriter, _ incoming: Incoming?) {
        writer.beginObject()
        if let incoming {
            writer.key("webhook")
            writer.beginObject()
            writer.member("kind", incoming.kind)
            incoming.trace.writeMembers(to: &writer)
            writer.endObject()
        }
        writer.key("event")
        writer.beginObject()
        EventRow(event: event, identity: identity).writeMembers(to: &writer)
        writer.endObject()
        writer.key("destinations")
        writer.beginArray()
        for outcome in outcomes { outcome.write(to: &writer) }
        writer.endArray()
        writer.key("effects")
        writer.beginArray()
        for change in changes { writer.string(change) }
        writer.endArray()
        writer.endObject()
    }
}

/// A webhook on its way to becoming an event.
private struct Incoming {
    let kind: String
    let event: Event
    let trace: MappingTrace

    /// The webhooks of a body; what cannot be used is thrown.
    static func read(
        _ name: String, _ bytes: [UInt8], _ headers: [String], _ file: PipelineFile
    ) throws -> [Incoming] {
        guard let source = file.webhooks.first(where: { $0.name == name }) else {
            throw noSuchSource(
                name, among: file.webhooks.map(\.name), kind: "webhook source")
        }
        var fields: [String: String] = [:]
        for header in headers {
            guard let colon = header.firstIndex(of: ":") else { continue }
            let value = header[header.index(after: colon)...].drop { $0 == " " }
            fields[header[..<colon].lowercased()] = String(value)
        }
        let now = WorldClock.system.now()
        let reading = WebhookReader(acceptor: Acceptor()).read(
            bytes, headers: fields, from: source, at: now)
        if let problem = reading.problem { throw problem }
        for rejection in reading.envelope.rejections {
            Terminal.standard.writeError(
                "Webhook \(rejection.index) would be kept apart: \(rejection.problem.message) "
                    + rejection.problem.hint)
        }
        let items = try Acceptor().read(bytes).document.root
        let all = items.kind == .array ? items.elements : [items]
        return reading.envelope.events.compactMap { index, event in
            guard
                let input = MapInput(
                    webhook: all[index], headers: fields, source: name, at: now)
            else { return nil }
            let kind = source.blueprint.kind(of: input)
            return Incoming(
                kind: kind, event: event.accepted(as: EventID(first: now)),
                trace: source.blueprint.plan(for: kind).trace(input, kind: kind))
        }
    }

    var lines: [String] {
        ["webhook: \(kind.isEmpty ? "of no kind" : "\"\(printable(kind))\"")."] + trace.lines
    }
}

extension MappingTrace {
    fileprivate var lines: [String] {
        var lines = rows.map { row in
            let rule = row.rule.isEmpty ? "" : "  (\(row.rule))"
            return "  \(row.source) → \(row.target)  \(printable(row.after))\(rule)"
        }
        if !unused.isEmpty {
            lines.append("  Went nowhere; put the line into the event's \"mappings\" to send it:")
            for item in unused {
                lines.append("    \(printable(item.line)),  = \(printable(item.before))")
            }
        }
        return lines
    }

    fileprivate func writeMembers(to writer: inout JSONWriter) {
        writer.key("mapped")
        writer.beginArray()
        for row in rows {
            writer.beginObject()
            writer.member("source", row.source)
            writer.member("before", row.before)
            writer.member("target", row.target)
            writer.member("after", row.after)
            writer.member("rule", row.rule)
            writer.endObject()
        }
        writer.endArray()
        writer.key("unmapped")
        writer.beginArray()
        for item in unused {
            writer.beginObject()
            writer.member("source", item.source)
            writer.member("before", item.before)
            writer.member("line", item.line)
            writer.endObject()
        }
        writer.endArray()
    }
}

extension DryRun.Outcome {
    fileprivate func lines(_ terminal: Terminal) -> [String] {
        var lines: [String] = []
        if let reason {
            let text = detail.map { " (\(printable($0)))" } ?? ""
            lines.append(
                "→ \(destination): \(terminal.state(reason.state.rawValue)). "
                    + "It would not be sent: \(reason.sentence)\(text).")
            lines.append("  What to do: \(reason.hint)")
        } else {
            let names = requests.map(\.name).joined(separator: ", then ")
            lines.append(
                "→ \(destination): \(terminal.colour("would be sent", .green)) as \(names).")
        }
        if let consent {
            lines.append(
                "  Consent: \(consent.category) \(consent.answer) in \(printable(consent.origin)).")
        }
        lines += trace?.lines ?? []
        for request in requests {
            lines.append("  \(request.method) \(printable(request.url.text))")
            let body = try? JSONReader.read(request.body.bytes).root.pretty(indent: "  ")
            lines.append("  " + printable(body ?? request.body.text, lines: true))
        }
        return lines
    }

    fileprivate func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("destination", destination)
        writer.member("verdict", reason?.state.rawValue ?? "sent")
        writer.member("reason", reason?.rawValue)
        writer.member("detail", detail)
        writer.member("hint", reason?.hint)
        (trace ?? .empty).writeMembers(to: &writer)
        writer.key("requests")
        DeliveryDetail.write(requests, to: &writer)
        writer.endObject()
    }
}
