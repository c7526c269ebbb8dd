import Accept
import ArgumentParser
import Deliver
import Events
import Identify
import Map
import Pipeline
import SQLiteStore

struct ExplainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain",
        abstract: "Take an event through every stage without storing or sending it.",
        discussion: """
            Shows who it belongs to, whether consent lets it pass, where each property goes, which go \
            nowhere with the line of JSON that would map each, and the request with secrets masked. \
            EVENT is a file, '-' for standard input, or the id of a stored event.
            """)

    @Argument(help: "A file with one event, '-', or an event id (evt_…).")
    var event: String

    @Option(help: "Only this destination.")
    var destination: String?

    @OptionGroup var options: StoreOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
        let file = try PipelineFile.read(
            options.configPath, .init(environment: StoreOptions.environment, needsSecrets: false))
        if let destination, file.pipeline[destination] == nil {
            throw Problem(
                code: "no_such_destination",
                message: "There is no destination \"\(printable(destination))\".",
                hint: suggestion(for: destination, among: file.pipeline.destinations.map(\.name)))
        }
        let (event, people) = try read()
        let run = try DryRun(
            event, pipeline: file.pipeline, people: people, destination: destination)
        if output.json {
            Terminal.standard.write(json: JSONWriter.make { run.write(to: &$0) })
        } else {
            for line in run.lines(Terminal.standard) { Terminal.standard.write(line) }
        }
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
        let acceptor = Acceptor()
        let text = try acceptor.read(try readFile(event))
        let source = EventSource(name: "explain", trusted: true)
        let envelope = try acceptor.single(
            text, type: text.document.root["type"] == nil ? .track : nil, from: source,
            at: WorldClock.system.now())
        if let rejection = envelope.rejections.first { throw rejection.problem }
        guard var read = envelope.events.first?.event else {
            throw Problem(code: "no_event", message: "There is no event.", hint: "Give one.")
        }
        read.id = EventID(first: read.receivedAt)
        if read.messageID.isEmpty { read.messageID = read.id.text }
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
        for outcome in outcomes { lines += outcome.lines(terminal) }
        return lines
    }

    fileprivate func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.key("event")
        writer.beginObject()
        EventRow(event: event, identity: identity).writeMembers(to: &writer)
        writer.endObject()
        writer.key("destinations")
        writer.beginArray()
        for outcome in outcomes { outcome.write(to: &writer) }
        writer.endArray()
        writer.endObject()
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
        for row in trace?.rows ?? [] {
            let rule = row.rule.isEmpty ? "" : "  (\(row.rule))"
            lines.append(
                "  \(row.source) → \(row.target)  \(printable(row.after))\(rule)")
        }
        if let unused = trace?.unused, !unused.isEmpty {
            lines.append("  Went nowhere; put the line into the event's \"mappings\" to send it:")
            for item in unused {
                lines.append("    \(printable(item.line)),  = \(printable(item.before))")
            }
        }
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
        writer.key("mapped")
        writer.beginArray()
        for row in trace?.rows ?? [] {
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
        for item in trace?.unused ?? [] {
            writer.beginObject()
            writer.member("source", item.source)
            writer.member("before", item.before)
            writer.member("line", item.line)
            writer.endObject()
        }
        writer.endArray()
        writer.key("requests")
        DeliveryDetail.write(requests, to: &writer)
        writer.endObject()
    }
}
