import ArgumentParser
import Events
import JSON
import Log
import Store

struct DeliveryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "delivery",
        abstract: "Show one delivery with every attempt, or cancel one that waits.",
        discussion: "sluice delivery ID shows it.",
        subcommands: [DeliveryShowCommand.self, DeliveryCancelCommand.self],
        defaultSubcommand: DeliveryShowCommand.self)
}

struct DeliveryCancelCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cancel",
        abstract: "End one delivery that waits; the next of its person goes on.",
        discussion: "It becomes cancelled; sluice replay ID can send it after all.")

    @Argument(help: "A delivery id (dlv_…); sluice deliveries lists them.")
    var id: String

    @OptionGroup var options: StoreOptions

    func run() async throws {
        let delivery = try deliveryID(id)
        _ = try options.log()
        try await options.give { try await $0.cancel(delivery) }
        Terminal.standard.write("\(delivery.text) is cancelled.")
    }
}

/// Reads the id of a delivery as it was typed.
private func deliveryID(_ text: String) throws -> DeliveryID {
    guard let delivery = DeliveryID(text) else {
        throw ValidationError("\"\(printable(text))\" is no delivery id; they begin with dlv_.")
    }
    return delivery
}

struct DeliveryShowCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Show one delivery: its request with secrets masked, every attempt, the answers.")

    @Argument(help: "A delivery id (dlv_…); sluice deliveries lists them.")
    var id: String

    @OptionGroup var options: StoreOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
        let delivery = try deliveryID(id)
        guard let detail = try options.log().detail(delivery) else {
            throw Problem(
                code: "not_found", message: "There is no delivery \(id).",
                hint: "List them with: sluice deliveries")
        }
        let terminal = Terminal.standard
        let now = WorldClock.system.now()
        if output.json {
            terminal.write(json: JSONWriter.make { detail.appendJSON(to: &$0, at: now) })
            return
        }
        terminal.write(
            "\(detail.row.id.text) · \(printable(detail.row.eventName)) · \(terminal.state(detail.row.shownState))"
        )
        terminal.write(printable(detail.row.sentence(at: now)))
        if let advice = detail.row.advice { terminal.write("What to do: \(advice)") }
        if let consent = detail.row.consentSentence { terminal.write(consent) }
        terminal.write("Blueprint revision \(detail.row.revision), run \(detail.row.run)")
        for request in detail.requests {
            terminal.write("\n\(request.method) \(request.url.text)")
            let body = try? JSONReader.read(request.body.bytes).root.pretty()
            terminal.write(printable(body ?? request.body.text, lines: true))
        }
        for attempt in detail.attempts {
            terminal.write("\n\(printable(attempt.sentence))")
            if let sent = detail.earlierRequest(of: attempt) {
                terminal.write("  Sent: \(sent.method) \(printable(sent.url.text))")
                terminal.write("  \(printable(sent.body.text))")
            }
            if let hint = attempt.hint { terminal.write("  \(hint)") }
            if let fix = detail.fix(of: attempt) { terminal.write("  What to do: \(fix)") }
            if let answer = attempt.attempt.answer {
                terminal.write("  Answer: \(printable(answer))")
            }
        }
    }
}
