import Accept
import ArgumentParser
import Deliver
import Events
import Identify
import Ingest
import JSON
import Log
import Map
import Pipeline
import Webhooks

struct ExplainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain",
        abstract: "Take an event through every stage without storing or sending it.",
        discussion: """
            Shows who it belongs to, whether consent lets it pass, where each property goes, which go \
            nowhere with the line of JSON that would map each, and the request with secrets masked. \
            EVENT is a file, '-' for standard input, or the id of a stored event. With --source it is \
            read as that source's; of a webhook source it is a webhook's body, and what the source's \
            blueprint makes of it comes first.
            """)

    @Argument(help: "A file with one event, '-', or an event id (evt_…).")
    var event: String

    @Option(help: "Only this destination.")
    var destination: String?

    @Option(help: "The source that would send EVENT; a webhook source's EVENT is a body.")
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
        guard let source, !file.sources.contains(where: { $0.name == source }) else {
            let sender = file.sources.first { $0.name == source }?.eventSource
            let (event, people) = try read(
                from: sender
                    ?? EventSource(
                        name: "explain", trusted: true, placeholders: file.placeholders))
            show(try dryRun(of: event, knowing: people, by: file))
            return
        }
        let webhooks = try IncomingWebhook.read(
            try readFile(event), headers: headers, from: source, in: file.webhooks)
        for rejection in webhooks.rejections {
            Terminal.standard.writeError(
                "Webhook \(rejection.index) would be kept apart: \(rejection.problem.message) "
                    + rejection.problem.hint)
        }
        for incoming in webhooks.events {
            let people = try known(incoming.event, email: incoming.event.trait("email")?.string)
            show(try dryRun(of: incoming.event, knowing: people, by: file), incoming)
        }
    }

    private func dryRun(
        of event: Event, knowing people: MemoryPeople, by file: PipelineFile
    ) throws -> DryRun {
        try DryRun(event, pipeline: file.pipeline, people: people, destination: destination)
    }

    private func show(_ run: DryRun, _ incoming: IncomingWebhook? = nil) {
        let terminal = Terminal.standard
        if output.json {
            terminal.write(
                json: JSONWriter.make { run.appendJSON(to: &$0, webhook: incoming?.preview) })
            return
        }
        for line in incoming?.lines ?? [] { terminal.write(line) }
        for line in run.lines(terminal) { terminal.write(line) }
    }

    /// The event, and what is known about its person.
    private func read(from source: EventSource) throws -> (Event, MemoryPeople) {
        if let id = EventID(event) {
            guard let row = try options.log().event(id) else {
                throw Problem(
                    code: "not_found", message: "There is no event \(event).",
                    hint: "List events with: sluice deliveries")
            }
            return (row.event, try known(row.event, email: row.identity.email))
        }
        let read = try Acceptor().sample(
            try readFile(event), from: source, at: WorldClock.system.now())
        return (read, try known(read, email: read.trait("email")?.string))
    }

    /// The stored knowledge about the event's person; nothing where there is no store.
    private func known(_ event: Event, email: String?) throws -> MemoryPeople {
        guard DataFolder(try options.directory()).hasStore else { return MemoryPeople() }
        return try options.log().people(of: event, email: email)
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
}

extension IncomingWebhook {
    /// The webhook's mapping as lines for a terminal.
    fileprivate var lines: [String] {
        let kind = preview.kind.isEmpty ? "of no kind" : "\"\(printable(preview.kind))\""
        return ["webhook: \(kind)."] + preview.trace.lines
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
}

extension DryRun.Outcome {
    fileprivate func lines(_ terminal: Terminal) -> [String] {
        var lines: [String] = []
        if let reason {
            let text = detail.map { " (\(printable($0)))" } ?? ""
            lines.append(
                "→ \(destination): \(terminal.state(reason.state.rawValue)). "
                    + "It would not be sent: \(reason.sentence)\(text).")
            lines.append("  What to do: \(reason.hint(consent: consent, detail: detail))")
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
}
