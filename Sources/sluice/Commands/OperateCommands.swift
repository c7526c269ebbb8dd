import ArgumentParser
import Deliver
import Events
import Ingest
import Map
import Pipeline

struct DestinationCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "destination",
        abstract: "See and release destinations.",
        subcommands: [DestinationListCommand.self, DestinationReleaseCommand.self])
}

struct DestinationListCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List the destinations and how they stand.")

    @OptionGroup var options: StoreOptions
    @OptionGroup var output: OutputOptions

    func run() throws { try show(try options.log().destinations(), output) }
}

struct DestinationReleaseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "release",
        abstract: "Release a held destination: one waiting delivery is tried, then the rest.")

    @Argument(help: "The destination's name.")
    var name: String

    @OptionGroup var options: StoreOptions

    func run() async throws {
        let known = try options.log().destinations().map(\.name)
        guard known.contains(name) else {
            throw Problem(
                code: "no_such_destination",
                message: "There is no destination \"\(printable(name))\".",
                hint: suggestion(for: name, among: known))
        }
        let released = try await Control(directory: try options.directory()).release(name)
        Terminal.standard.write(
            released
                ? "Released \(name). Watch it with: sluice status" : "\(name) was not held.")
    }
}

struct StatusCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "How each destination stands; exits 1 when one is held.")

    @OptionGroup var options: StoreOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
        let rows = try options.log().destinations()
        try show(rows, output)
        if rows.contains(where: { $0.hold != nil }) { throw ExitCode.failure }
    }
}

private func show(_ rows: [DestinationRow], _ output: OutputOptions) throws {
    let terminal = Terminal.standard
    if output.json {
        let bytes = JSONWriter.make { writer in
            writer.beginArray()
            for row in rows { row.write(to: &writer) }
            writer.endArray()
        }
        terminal.write(json: bytes)
        return
    }
    terminal.table(
        ["DESTINATION", "STATE", "WAITING", "OLDEST", "LAST 2XX", "LAST ERROR"],
        rows.map { row in
            [
                row.name, terminal.state(row.hold == nil ? "open" : "held"), "\(row.waiting)",
                row.oldestWaiting?.iso8601 ?? "–", row.lastDelivered?.iso8601 ?? "–",
                row.lastError.map { "\(row.lastErrorAt?.iso8601 ?? "") \(printable($0))" } ?? "–",
            ]
        })
    for row in rows {
        guard let hold = row.hold else { continue }
        terminal.write("\n\(row.name) is held since \(hold.since.iso8601): \(printable(hold.hint))")
        terminal.write("What to do: \(hold.fix) Then: sluice destination release \(row.name)")
        terminal.write("An example: sluice why \(hold.delivery)")
    }
}

extension DestinationRow {
    fileprivate func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("name", name)
        writer.member("state", hold == nil ? "open" : "held")
        writer.member("heldSince", hold?.since.iso8601)
        writer.member("hint", hold?.hint)
        writer.member("fix", hold?.fix)
        writer.member("example", hold?.delivery)
        writer.member("waiting", waiting)
        writer.member("oldestWaiting", oldestWaiting?.iso8601)
        writer.member("lastDelivered", lastDelivered?.iso8601)
        writer.member("lastError", lastError)
        writer.member("lastErrorAt", lastErrorAt?.iso8601)
        writer.endObject()
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
            terminal.write(json: JSONWriter.make { file.write(to: &$0) })
            return
        }
        terminal.write("\(config) is good.")
        for source in file.sources {
            let keys =
                source.keys.isEmpty ? "no key set: it takes nothing" : "\(source.keys.count) key(s)"
            terminal.write("  source \(source.name): \(source.kind.rawValue), \(keys)")
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

extension PipelineFile {
    fileprivate func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("listen", "\(listen)")
        writer.member("data", data)
        writer.key("sources")
        writer.beginArray()
        for source in sources {
            writer.beginObject()
            writer.member("name", source.name)
            writer.member("kind", source.kind.rawValue)
            writer.member("keys", source.keys.count)
            writer.endObject()
        }
        writer.endArray()
        writer.key("destinations")
        writer.beginArray()
        for destination in pipeline.destinations {
            writer.beginObject()
            writer.member("name", destination.name)
            writer.member("blueprint", destination.blueprint.name)
            writer.member("revision", destination.blueprint.revision)
            writer.member("preset", destination.preset.name)
            writer.member("enabled", destination.isEnabled)
            writer.endObject()
        }
        writer.endArray()
        writer.endObject()
    }
}

struct BlueprintCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "blueprint", abstract: "Work on blueprints.",
        subcommands: [
            BlueprintTestCommand.self, BlueprintLintCommand.self, BlueprintShowCommand.self,
        ])
}

struct BlueprintLintCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lint",
        abstract: "Say what is wrong in blueprints, or likely not meant, with line and column.")

    @Argument(help: "Blueprint files.")
    var files: [String]

    func run() throws {
        let terminal = Terminal.standard
        var found = 0
        for file in files {
            for fault in Blueprint.lint(file: file, bytes: try readFile(file)) {
                found += 1
                terminal.write("\(fault)")
            }
        }
        terminal.write(found == 0 ? "Nothing to complain about." : "\(found) to look at.")
        if found > 0 { throw ExitCode.failure }
    }
}

struct BlueprintShowCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Show what a preset makes of each event.")

    @Argument(help: "A blueprint file.")
    var file: String

    @Option(help: "The preset.")
    var preset = "default"

    func run() throws {
        let blueprint = try Blueprint.read(file: file, bytes: try readFile(file))
        guard let found = blueprint.presets[preset] else {
            throw Problem(
                code: "no_such_preset", message: "There is no preset \"\(preset)\".",
                hint: suggestion(for: preset, among: Array(blueprint.presets.keys)))
        }
        Terminal.standard.table(
            ["EVENT", "BECOMES", "REQUESTS", "MAPPED"],
            found.events.values.sorted { $0.name < $1.name }.map { plan in
                [
                    plan.name, plan.vendorName ?? "–",
                    plan.steps.map(\.request.name).joined(separator: ", "),
                    "\(plan.steps.first?.mappings.count ?? 0)",
                ]
            })
        let others = found.otherEvents.map {
            "pass as \($0.steps.map(\.request.name).joined(separator: ", "))"
        }
        Terminal.standard.write("Other events \(others ?? "are not sent").")
    }
}

struct BlueprintTestCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "test", abstract: "Run the tests that stand inside blueprints.")

    @Argument(help: "Blueprint files.")
    var files: [String]

    func run() throws {
        let terminal = Terminal.standard
        var failed = 0
        var passed = 0
        for file in files {
            let blueprint = try Blueprint.read(file: file, bytes: try readFile(file))
            for test in blueprint.tests {
                if let failure = BlueprintTestRun.failure(of: test, in: blueprint) {
                    failed += 1
                    terminal.write(
                        "\(file):\(test.line): \(terminal.colour("failed", .red)) \(test.name)")
                    terminal.write(failure)
                } else {
                    passed += 1
                }
            }
        }
        terminal.write("\(passed) passed, \(failed) failed")
        if failed > 0 { throw ExitCode.failure }
    }
}
