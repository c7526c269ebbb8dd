import ArgumentParser
import Events
import Map
import Pipeline
import Webhooks

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
            let bytes = try readFile(file)
            let faults =
                SourceBlueprint.isSource(bytes)
                ? SourceBlueprint.faults(file: file, bytes: bytes)
                : Blueprint.lint(file: file, bytes: bytes)
            for fault in faults {
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
        let bytes = try readFile(file)
        if SourceBlueprint.isSource(bytes) {
            show(try SourceBlueprint.read(file: file, bytes: bytes))
            return
        }
        let blueprint = try Blueprint.read(file: file, bytes: bytes)
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

    private func show(_ blueprint: SourceBlueprint) {
        Terminal.standard.table(
            ["WEBHOOK", "BECOMES", "MAPPED"],
            blueprint.plans.values.sorted { $0.kind < $1.kind }.map { plan in
                [plan.kind, plan.eventName(kind: plan.kind), "\(plan.mappings.count)"]
            })
        Terminal.standard.write("Other kinds become events of their own name.")
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
            for (test, line, failure) in try results(file) {
                if let failure {
                    failed += 1
                    terminal.write("\(file):\(line): \(terminal.colour("failed", .red)) \(test)")
                    terminal.write(failure)
                } else {
                    passed += 1
                }
            }
        }
        terminal.write("\(passed) passed, \(failed) failed")
        if failed > 0 { throw ExitCode.failure }
    }

    private func results(
        _ file: String
    ) throws -> [(test: String, line: Int, failure: String?)] {
        let bytes = try readFile(file)
        if SourceBlueprint.isSource(bytes) {
            let blueprint = try SourceBlueprint.read(file: file, bytes: bytes)
            return blueprint.tests.map {
                ($0.name, $0.line, SourceTestRun.failure(of: $0, in: blueprint))
            }
        }
        let blueprint = try Blueprint.read(file: file, bytes: bytes)
        return blueprint.tests.map {
            ($0.name, $0.line, BlueprintTestRun.failure(of: $0, in: blueprint))
        }
    }
}
