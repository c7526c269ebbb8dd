import Accept
import ArgumentParser
import Events
import Ingest
import JSON
import Map
import Pipeline

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
            if let named = file.neverStore(of: source.name)?.named, !named.isEmpty {
                terminal.write("    never stored: \(named.joined(separator: ", "))")
            }
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
