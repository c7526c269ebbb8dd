import ArgumentParser
import Consent
import Events
import JSON
import Log

struct WhyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "why",
        abstract: "Tell what happened to an event or a person's events, in sentences.",
        discussion: """
            ID is an event id (evt_…), a delivery id (dlv_…), a message id, a user id or an email.
            """)

    @Argument(help: "Event, message or delivery id, user id, or email.")
    var id: String

    @Option(help: "For a person: how many of the newest events.")
    var limit = 10

    @OptionGroup var options: StoreOptions
    @OptionGroup var output: OutputOptions

    func validate() throws { try checkLimit(limit) }

    func run() throws {
        let log = try options.log()
        let events = try Explanation.events(for: id, in: log, limit: limit)
        guard !events.isEmpty else {
            throw Problem(
                code: "not_found", message: "Nothing is known under \"\(printable(id))\".",
                hint:
                    "Give an evt_, dlv_ or message id, a user id or an email; see sluice rejected too."
            )
        }
        let only = DeliveryID(id)?.destination
        let stories = try events.compactMap { try Explanation(of: $0, only: only, from: log) }
        let now = WorldClock.system.now()
        if output.json {
            let bytes = JSONWriter.make { writer in
                writer.beginArray()
                for story in stories { story.appendJSON(to: &writer, at: now) }
                writer.endArray()
            }
            Terminal.standard.write(json: bytes)
        } else {
            for line in try standing(in: log) { Terminal.standard.write(line) }
            for (index, story) in stories.enumerated() {
                if index > 0 { Terminal.standard.write() }
                for line in story.lines(Terminal.standard, at: now) {
                    Terminal.standard.write(line)
                }
            }
        }
    }

    /// The stored consent of a person, when the id is a person's.
    private func standing(in log: any DeliveryLog) throws -> [String] {
        let lines = try log.standings(of: id).flatMap(\.sentences)
        return lines.isEmpty ? [] : lines.map { printable($0) } + [""]
    }
}

extension Explanation {
    /// The chain of the event as lines for a terminal.
    fileprivate func lines(_ terminal: Terminal, at now: Timestamp) -> [String] {
        let event = row.event
        var lines = [
            "\(terminal.colour(printable(event.label), .bold)) · \(event.id.text) · message \(printable(event.messageID))",
            "Came from \"\(event.source)\" at \(event.receivedAt.iso8601); it happened at \(event.timestamp.iso8601).",
            person,
        ]
        lines += row.remarks
        for detail in details { lines += self.lines(detail, terminal, at: now) }
        if let laterUser {
            let when = laterUserEvent.map { later in
                "at \(later.event.receivedAt.iso8601), by the \(printable(later.event.label)) "
                    + "\(later.event.id.text)"
            }
            lines.append(
                "Its anonymous id has become user \(printable(laterUser)) \(when ?? "since"): "
                    + "sluice replay finds the person now.")
        }
        return lines
    }

    private var person: String {
        let identity = row.identity
        var known: [String] = []
        if let userID = identity.userID { known.append("user \(printable(userID))") }
        if identity.userID == nil, let owner = identity.ownerID {
            known.append("user \(printable(owner)), to whom its anonymous id leads")
        }
        if let email = identity.email { known.append("email \(printable(email))") }
        if let anonymousID = identity.anonymousID {
            known.append("anonymous id \(printable(anonymousID))")
        }
        return "It belongs to \(known.isEmpty ? "nobody we know" : known.joined(separator: ", "))."
    }

    private func lines(
        _ detail: DeliveryDetail, _ terminal: Terminal, at now: Timestamp
    ) -> [String] {
        let row = detail.row
        let state = terminal.state(row.shownState)
        var lines = ["→ \(row.id.destination): \(state). \(printable(row.sentence(at: now)))"]
        if let consent = row.consentSentence { lines.append("  \(printable(consent))") }
        for request in detail.requests {
            let url = printable(request.url.text)
            lines.append("  Request \(request.name): \(request.method) \(url)")
        }
        for attempt in detail.attempts {
            lines.append("  \(printable(attempt.sentence))")
            if let sent = detail.earlierRequest(of: attempt) {
                lines.append("    Sent: \(sent.method) \(printable(sent.url.text))")
            }
            guard attempt.attempt.answerClass != .delivered else { continue }
            if let hint = attempt.hint { lines.append("    \(hint)") }
            if let fix = detail.fix(of: attempt) { lines.append("    What to do: \(fix)") }
        }
        if row.outOfOrder {
            lines.append(
                "  It passed an earlier event of the same person that was still being retried.")
        }
        if let advice = row.advice, row.reason != .refused {
            lines.append("  What to do: \(advice)")
        }
        return lines
    }
}
