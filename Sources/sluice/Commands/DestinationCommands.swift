import ArgumentParser
import Events
import JSON
import Log
import Store

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
        let now = WorldClock.system.now()
        if output.json {
            Terminal.standard.write(json: JSONWriter.make { rows.appendJSON(to: &$0, at: now) })
        } else {
            show(rows, at: now)
        }
    }
}

struct DestinationReleaseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "release",
        abstract: "Let a destination go on that is held, rests or pauses.",
        discussion: "One waiting delivery is tried, then the rest.")

    @Argument(help: "The destination's name.")
    var name: String

    @OptionGroup var options: StoreOptions

    func run() async throws {
        _ = try options.log()
        let released = try await options.give { try await $0.release(name) }
        Terminal.standard.write(
            released
                ? "Released \(name). Watch it with: sluice status"
                : "\(name) was not held, and neither rested nor paused.")
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
        _ = try options.log()
        try await options.give { try await $0.hold(name, because: reason) }
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
        _ = try options.log()
        try await options.give { try await $0.probe(name) }
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
        let rows = try options.log().destinations()
        guard let row = rows.first(where: { $0.name == name }) else {
            throw Problem.noSuchDestination(name, among: rows.map(\.name))
        }
        guard yes else {
            Terminal.standard.write(
                "\(row.waiting) deliveries wait for \(name). End them with --yes")
            return
        }
        let dropped = try await options.give { try await $0.drop(name) }
        Terminal.standard.write("\(dropped) deliveries to \(name) were cancelled.")
    }
}
