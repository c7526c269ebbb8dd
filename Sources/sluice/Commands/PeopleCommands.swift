import ArgumentParser
import Consent
import Events
import JSON
import Log
import Store

struct ConsentCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "consent", abstract: "See and set what is stored about a person's consent.",
        subcommands: [ConsentShowCommand.self, ConsentSetCommand.self])
}

struct ConsentShowCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Show the stored consent and suppressions of a person.")

    @Argument(help: "A user id or an email.")
    var id: String

    @OptionGroup var options: StoreOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
        let log = try options.log()
        let found = try log.standings(of: id)
        if output.json {
            Terminal.standard.write(json: JSONWriter.make { found.appendJSON(to: &$0) })
            return
        }
        let lines = found.flatMap(\.sentences)
        if lines.isEmpty {
            Terminal.standard.write("Nothing is stored about the consent of \(printable(id)).")
        }
        for line in lines { Terminal.standard.write(printable(line)) }
    }
}

struct ConsentSetCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "set",
        abstract: "Store a person's consent, as of now.",
        discussion: """
            ANSWER is a category and yes or no: marketing=no. It holds for the user id and the \
            email that belong together, and for what is waiting already. A no holds until it is \
            set again, whatever events say; a yes ends with the person's next no.
            """)

    @Argument(help: "A user id or an email.")
    var id: String

    @Argument(help: "Answers such as marketing=yes analytics=no; each is yes or no.")
    var answers: [ConsentChoice] = []

    @Flag(help: "Lift suppressions, such as after an unsubscribe: the person wants to be sent to.")
    var lift = false

    @OptionGroup var options: StoreOptions

    func validate() throws {
        if answers.isEmpty, !lift {
            throw ValidationError("Give an answer such as marketing=no, or --lift.")
        }
        let categories = answers.map(\.category)
        for category in Set(categories) where categories.count(where: { $0 == category }) > 1 {
            throw ValidationError("Two answers for \(category): give one.")
        }
    }

    func run() async throws {
        let change = try await options.give {
            try await $0.setConsent(of: id, to: answers, lifting: lift)
        }
        for line in change.lines(of: id) { Terminal.standard.write(line) }
        guard lift else { return }
        for stored in try options.log().standings(of: id) {
            for suppression in stored.standing.active {
                Terminal.standard.write(
                    printable("Still stopped: \(suppression.text). \(suppression.ending)"))
            }
        }
    }
}

extension PersonChange {
    /// The result of an order as lines for a terminal.
    fileprivate func lines(of id: String) -> [String] {
        let lines = ["Stored for \(identifiers) identifier(s) of \(printable(id))."]
        if isKnown { return lines }
        return lines + [
            "Nothing was known about \(printable(id)) before: check the spelling. "
                + "It holds for events that come from now on."
        ]
    }
}

struct SuppressCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "suppress",
        abstract: "Stop every destination for a person, until you lift it.",
        discussion: """
            Nothing is sent to the person any more, whatever a destination requires and whatever \
            events say; what waits is ended. Unsubscribes and deletions still reach the \
            destinations. Lift it with --lift.
            """)

    @Argument(help: "A user id or an email.")
    var id: String

    @Option(help: "The reason, shown with every event that is kept back.")
    var reason = ""

    @Flag(help: "Lift the suppression.")
    var lift = false

    @OptionGroup var options: StoreOptions

    func validate() throws {
        if id.isEmpty { throw ValidationError("Give a user id or an email.") }
        if lift, !reason.isEmpty { throw ValidationError("--lift takes no --reason.") }
    }

    func run() async throws {
        let change = try await options.give {
            lift
                ? try await $0.liftSuppression(of: id)
                : try await $0.suppress(id, because: reason)
        }
        for line in change.lines(of: id) { Terminal.standard.write(line) }
    }
}

/// An answer on the command line, such as `marketing=no`.
extension ConsentChoice: ExpressibleByArgument {
    package init?(argument: String) {
        let parts = argument.split(separator: "=", maxSplits: 1)
        guard parts.count == 2, ["yes", "no"].contains(parts[1].lowercased()) else { return nil }
        self.init(category: String(parts[0]), isGranted: parts[1].lowercased() == "yes")
    }
}

struct ForgetCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "forget",
        abstract: "Forget a person: nothing is sent any more, and what is kept is removed.",
        discussion: """
            First nothing more is sent to the person. Then the deletion goes to the destinations \
            that know one, and events, requests, answers and identities are emptied; of the person \
            only keyed hashes stay, so that an old event cannot bring them back. "Done" means that \
            the files are clean. Backups are yours to clean.
            """)

    @Argument(help: "A user id or an email.")
    var id: String

    @Flag(help: "Do it; without this, only what would be removed is shown.")
    var yes = false

    @Flag(help: "Let a forgotten id come back: its next events are stored and sent again.")
    var allowAgain = false

    @Flag(help: "Show what was removed, when, and what destinations answered.")
    var receipt = false

    @OptionGroup var options: StoreOptions

    func run() async throws {
        let log = try options.log()
        if receipt { return try showReceipts(log) }
        if allowAgain { return try await allow() }
        guard yes else {
            let events = try Explanation.events(for: id, in: log, limit: 10_000)
            Terminal.standard.write(
                "\(events.count) events of \(printable(id)) are kept. Forgetting also reaches the "
                    + "person's other ids, addresses and devices, and rejected bodies. "
                    + "Remove them with --yes")
            return
        }
        let report = try await options.give(needsPipeline: true) { try await $0.forget(id) }
        for line in report.lines { Terminal.standard.write(printable(line)) }
        if !report.isClean { throw ExitCode.failure }
    }

    private func allow() async throws {
        let change = try await options.give { try await $0.allowAgain(id) }
        Terminal.standard.write(
            change.isKnown
                ? "\(printable(id)) may come back: the next events are stored and sent again."
                : "\(printable(id)) was not forgotten; nothing was changed.")
    }

    private func showReceipts(_ log: any DeliveryLog) throws {
        let receipts = try log.receipts(of: id)
        if receipts.isEmpty {
            throw Problem(
                code: "no_receipt", message: "\(printable(id)) was not forgotten here.",
                hint: "Forget a person with: sluice forget ID --yes")
        }
        for receipt in receipts {
            Terminal.standard.write("Forgotten at \(receipt.at.iso8601):")
            let report = try ForgetReport(receipt: receipt)
            for line in report.lines { Terminal.standard.write("  \(printable(line))") }
        }
    }
}

extension ForgetReport {
    /// Reads a receipt.
    fileprivate init(receipt: ForgetReceipt) throws {
        let json = try JSONReader.read(text: receipt.report).root
        self.init()
        events = json["events"]?.integer ?? 0
        rejected = json["rejected"]?.integer ?? 0
        identifiers = json["identifiers"]?.integer ?? 0
        postponed = json["postponed"]?.integer ?? 0
        answers = json["answers"]?.elements.compactMap(\.string) ?? []
        forwarded = json["forwarded"]?.elements.compactMap(\.string) ?? []
        unforwarded = json["unforwarded"]?.elements.compactMap(\.string) ?? []
        isKnown = json["known"]?.bool ?? true
        isClean = json["clean"]?.bool ?? false
    }
}

extension ForgetReport {
    /// The report as lines for a terminal.
    fileprivate var lines: [String] {
        var lines = [
            "\(events) events, \(rejected) rejected bodies and \(identifiers) identifiers were removed."
        ]
        if !isKnown {
            lines.append(
                "Nothing was known about this id: check the spelling. It is forgotten for events "
                    + "that come from now on.")
        }
        if !forwarded.isEmpty { lines.append("Deleted at \(forwarded.joined(separator: ", ")).") }
        for line in unforwarded { lines.append("Not deleted at \(line).") }
        for line in answers { lines.append("Answer of \(line).") }
        if postponed > 0 {
            lines.append(
                "Events still under way: \(postponed). The server empties each by itself, some "
                    + "minutes at the most after its delivery has ended.")
        }
        if isClean {
            lines.append("Done: the files are clean.")
        } else if postponed > 0 {
            lines.append("Not done: something is still under way.")
        } else {
            lines.append(
                "Not done: somebody still reads an older state of the files. "
                    + "Run it again in a moment.")
        }
        return lines
    }
}

struct ExportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Print all that is kept of a person, as JSON.",
        discussion: "Consent, events with their bodies, deliveries with requests and answers.")

    @Argument(help: "A user id or an email.")
    var id: String

    @OptionGroup var options: StoreOptions

    func run() throws {
        let export = PersonExport(of: id, from: try options.log())
        Terminal.standard.write(json: try export.json(at: WorldClock.system.now()))
    }
}
