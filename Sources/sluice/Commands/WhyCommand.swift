import ArgumentParser
import Consent
import Deliver
import Events
import JSON
import SQLiteStore

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
        let log = try options.store()
        let events = try Explanation.events(for: id, in: log, limit: limit)
        guard !events.isEmpty else {
            throw Problem(
                code: "not_found", message: "Nothing is known under \"\(printable(id))\".",
                hint:
                    "Give an evt_, dlv_ or message id, a user id or an email; see sluice rejected too."
            )
        }
        let only = DeliveryID(id)?.destination
        let stories = try events.compactMap { try Explanation(event: $0, only: only, log: log) }
        if output.json {
            let bytes = JSONWriter.make { writer in
                writer.beginArray()
                for story in stories { story.write(to: &writer) }
                writer.endArray()
            }
            Terminal.standard.write(json: bytes)
        } else {
            for line in try standing(in: log) { Terminal.standard.write(line) }
            for (index, story) in stories.enumerated() {
                if index > 0 { Terminal.standard.write() }
                for line in story.lines(Terminal.standard) { Terminal.standard.write(line) }
            }
        }
    }

    /// What is stored about a person's consent, when the id is a person's.
    private func standing(in log: SQLiteLog) throws -> [String] {
        let lines = try log.standings(of: id).flatMap(\.lines)
        return lines.isEmpty ? [] : lines.map { printable($0) } + [""]
    }
}

/// One event's chain: how it came in, who it is, and what each destination did with it.
struct Explanation {
    let row: EventRow
    let details: [DeliveryDetail]

    init?(event: EventID, only: String?, log: any DeliveryLog) throws {
        guard let row = try log.event(event) else { return nil }
        self.row = row
        let deliveries = try log.deliveries(of: event).filter {
            only == nil || $0.id.destination == only
        }
        details = try deliveries.compactMap { try log.detail($0.id) }
    }

    /// The events an id of any kind stands for, newest first.
    static func events(
        for id: String, in log: any DeliveryLog, limit: Int
    ) throws -> [EventID] {
        if let event = EventID(id) { return try log.event(event) == nil ? [] : [event] }
        if let delivery = DeliveryID(id) {
            return try log.event(delivery.event) == nil ? [] : [delivery.event]
        }
        let byMessage = try log.events(messageID: id)
        if !byMessage.isEmpty { return byMessage }
        let byUser = try log.events(of: IdentityKey(.user, id), limit: limit)
        if !byUser.isEmpty { return byUser }
        return try log.events(of: IdentityKey(.email, id), limit: limit)
    }

    func lines(_ terminal: Terminal) -> [String] {
        let event = row.event
        var lines = [
            "\(terminal.colour(printable(event.label), .bold)) · \(event.id.text) · message \(printable(event.messageID))",
            "Came from \"\(event.source)\" at \(event.receivedAt.iso8601); it happened at \(event.timestamp.iso8601).",
            person,
        ]
        lines += row.remarks
        for detail in details { lines += self.lines(detail, terminal) }
        return lines
    }

    private var person: String {
        let identity = row.identity
        var known: [String] = []
        if let userID = identity.userID { known.append("user \(printable(userID))") }
        if let email = identity.email { known.append("email \(printable(email))") }
        if let anonymousID = identity.anonymousID {
            known.append("anonymous id \(printable(anonymousID))")
        }
        return "It belongs to \(known.isEmpty ? "nobody we know" : known.joined(separator: ", "))."
    }

    private func lines(_ detail: DeliveryDetail, _ terminal: Terminal) -> [String] {
        let row = detail.row
        let state = terminal.state(row.shownState)
        var lines = ["→ \(row.id.destination): \(state). \(printable(row.sentence))"]
        if let consent = row.consentSentence { lines.append("  \(printable(consent))") }
        for request in detail.requests {
            let url = printable(request.url.text)
            lines.append("  Request \(request.name): \(request.method) \(url)")
        }
        for attempt in detail.attempts {
            lines.append("  \(printable(attempt.sentence))")
            guard attempt.attempt.answerClass != .delivered else { continue }
            if let hint = attempt.hint { lines.append("    \(hint)") }
            if let fix = attempt.fix { lines.append("    What to do: \(fix)") }
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

    func write(to writer: inout JSONWriter) {
        writer.beginObject()
        row.writeMembers(to: &writer)
        writer.key("deliveries")
        writer.beginArray()
        for detail in details { detail.write(to: &writer) }
        writer.endArray()
        writer.endObject()
    }
}

extension DeliveryDetail {
    /// The delivery with its requests and attempts, as JSON.
    func write(to writer: inout JSONWriter) {
        writer.beginObject()
        row.writeMembers(to: &writer)
        writer.key("requests")
        Self.write(requests, to: &writer)
        writer.key("attemptList")
        writer.beginArray()
        for attempt in attempts { attempt.write(to: &writer) }
        writer.endArray()
        writer.endObject()
    }

    /// Requests as they are shown: secrets masked.
    static func write(_ requests: [MappedRequest], to writer: inout JSONWriter) {
        writer.beginArray()
        for request in requests {
            writer.beginObject()
            writer.member("name", request.name)
            writer.member("method", request.method)
            writer.member("url", request.url.text)
            writer.key("body")
            if request.encoding == .json {
                writer.raw(request.body.bytes[...])
            } else {
                writer.string(request.body.text)
            }
            writer.endObject()
        }
        writer.endArray()
    }
}
