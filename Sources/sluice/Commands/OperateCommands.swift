import ArgumentParser
import Deliver
import Events
import Ingest
import JSON
import Log
import Map
import Pipeline
import SQLiteStore

struct DestinationCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "destination",
        abstract: "See, test, hold, release and empty destinations.",
        subcommands: [
            DestinationListCommand.self, DestinationTestCommand.self,
            DestinationHoldCommand.self, DestinationProbeCommand.self,
            DestinationReleaseCommand.self, DestinationDropCommand.self,
        ])
}

struct DestinationListCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List the destinations and how they stand.")

    @OptionGroup var options: StoreOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
        let rows = try options.log().destinations()
        if output.json {
            Terminal.standard.write(json: JSONWriter.make { rows.appendJSON(to: &$0) })
        } else {
            show(rows)
        }
    }
}

struct DestinationReleaseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "release",
        abstract: "Release a held destination: one waiting delivery is tried, then the rest.")

    @Argument(help: "The destination's name.")
    var name: String

    @OptionGroup var options: StoreOptions

    func run() async throws {
        try options.checkDestination(name)
        let released = try await Control(directory: try options.directory()).release(name)
        Terminal.standard.write(
            released
                ? "Released \(name). Watch it with: sluice status" : "\(name) was not held.")
    }
}

extension StoreOptions {
    /// Throws what to do about a destination that the store does not know.
    fileprivate func checkDestination(_ name: String) throws {
        let known = try log().destinations().map(\.name)
        guard known.contains(name) else {
            throw Problem.noSuchDestination(name, among: known)
        }
    }
}

extension Problem {
    /// No destination has this name; the hint names the nearest of those there are.
    static func noSuchDestination(_ name: String, among known: [String]) -> Problem {
        Problem(
            code: "no_such_destination",
            message: "There is no destination \"\(printable(name))\".",
            hint: suggestion(for: name, among: known))
    }
}

struct DestinationHoldCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "hold",
        abstract: "Keep a destination's deliveries, in order, until it is released.")

    @Argument(help: "The destination's name.")
    var name: String

    @Option(help: "Why; shown in the status.")
    var reason = "An operator holds it."

    @OptionGroup var options: StoreOptions

    func run() async throws {
        try options.checkDestination(name)
        try await Control(directory: try options.directory()).hold(name, because: reason)
        Terminal.standard.write(
            "\(name) is held. Let it go on with: sluice destination release \(name)")
    }
}

struct DestinationProbeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "probe",
        abstract: "Try one waiting delivery of a held or resting destination now.",
        discussion: "A good answer lets the rest go on; otherwise the destination stays as it was.")

    @Argument(help: "The destination's name.")
    var name: String

    @OptionGroup var options: StoreOptions

    func run() async throws {
        try options.checkDestination(name)
        guard try await Control(directory: try options.directory()).probe(name) else {
            throw Problem(
                code: "no_server", message: "No server runs that could try it.",
                hint: "Start it: sluice serve")
        }
        Terminal.standard.write("One delivery to \(name) is tried. See: sluice status")
    }
}

struct DestinationDropCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "drop",
        abstract: "End all waiting deliveries of a destination; also of one that is gone.",
        discussion: "They become cancelled; sluice replay can send them after all.")

    @Argument(help: "The destination's name.")
    var name: String

    @Flag(help: "Do it; without this, only the number is shown.")
    var yes = false

    @OptionGroup var options: StoreOptions

    func run() async throws {
        try options.checkDestination(name)
        let rows = try options.log().destinations()
        let waiting = rows.first { $0.name == name }?.waiting ?? 0
        guard yes else {
            Terminal.standard.write("\(waiting) deliveries wait for \(name). End them with --yes")
            return
        }
        let dropped = try await Control(directory: try options.directory()).drop(name)
        Terminal.standard.write("\(dropped) deliveries to \(name) were cancelled.")
    }
}

struct StatusCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "How each source and destination stands; exits 1 when a destination is held.")

    @OptionGroup var options: StoreOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
        let report = try StatusReport(from: try options.log())
        if output.json {
            Terminal.standard.write(json: JSONWriter.make { report.appendJSON(to: &$0) })
        } else {
            show(report.sources)
            if !report.sources.isEmpty { Terminal.standard.write() }
            show(report.destinations)
            if let fault = report.reloadFault {
                Terminal.standard.write(
                    "\nThe changed pipeline was not taken; the last good one runs:\n\(fault)")
            }
        }
        if report.needsOperator { throw ExitCode.failure }
    }
}

/// How the sources stand, as a table.
func show(_ rows: [SourceRow]) {
    if rows.isEmpty { return }
    let terminal = Terminal.standard
    terminal.table(
        ["SOURCE", "KIND", "STATE", "LAST EVENT"],
        rows.map { row in
            [
                row.name, row.kind, row.offReason.map { "off: \($0)" } ?? "on",
                row.lastEvent?.iso8601 ?? "–",
            ]
        })
}

private func show(_ rows: [DestinationRow]) {
    let terminal = Terminal.standard
    terminal.table(
        ["DESTINATION", "STATE", "WAITING", "OLDEST", "LAST 2XX", "LAST ERROR"],
        rows.map { row in
            [
                row.name, terminal.state(row.state), "\(row.waiting)",
                row.oldestWaiting?.iso8601 ?? "–", row.lastDelivered?.iso8601 ?? "–",
                row.lastError.map { "\(row.lastErrorAt?.iso8601 ?? "") \(printable($0))" } ?? "–",
            ]
        })
    for row in rows {
        guard let hold = row.hold else { continue }
        terminal.write("\n\(row.name) is held since \(hold.since.iso8601): \(printable(hold.hint))")
        terminal.write("What to do: \(hold.fix) Then: sluice destination release \(row.name)")
        if !hold.delivery.isEmpty { terminal.write("An example: sluice why \(hold.delivery)") }
    }
    for row in rows {
        guard let until = row.restingUntil else { continue }
        terminal.write(
            "\n\(row.name) did not answer and rests; it is tried again at \(until.iso8601).")
    }
}

struct CheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Check a pipeline file and its blueprints; say where and what to do.")

    @Argument(help: "The pipeline file.")
    var config = "pipeline.json"

    @OptionGroup var output: OutputOptions

    func run() throws {
        let file = try PipelineFile.read(
            config, .init(environment: StoreOptions.environment))
        let terminal = Terminal.standard
        if output.json {
            terminal.write(json: JSONWriter.make { file.appendJSON(to: &$0) })
            return
        }
        terminal.write("\(config) is good.")
        for source in file.pipeline.sources {
            let state = source.offReason.map { "off: \($0)" } ?? "on"
            terminal.write("  source \(source.name): \(source.kind), \(state)")
            for (event, effects) in source.effects.sorted(by: { $0.key < $1.key }) {
                let words = effects.flatMap(\.words).joined(separator: "; ")
                terminal.write("    \(event): \(words)")
            }
        }
        for destination in file.pipeline.destinations {
            let blueprint = destination.blueprint
            terminal.write(
                "  destination \(destination.name): \(blueprint.title) \(blueprint.version) "
                    + "(revision \(blueprint.revision)), preset \(destination.preset.name), "
                    + "\(destination.preset.events.count) events\(destination.isEnabled ? "" : ", disabled")"
            )
        }
    }
}
