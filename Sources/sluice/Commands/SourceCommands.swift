import ArgumentParser
import Deliver
import Events
import JSON
import Log
import Store

struct SourceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "source",
        abstract: "See and test sources; read kept webhooks again.",
        subcommands: [
            SourceListCommand.self, SourceTestCommand.self, SourceReplayCommand.self,
        ])
}

struct SourceListCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List the sources and how they stand.")

    @OptionGroup var options: StoreOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
        let rows = try options.log().sources()
        if output.json {
            Terminal.standard.write(json: JSONWriter.make { rows.appendJSON(to: &$0) })
        } else {
            show(rows)
        }
    }
}

struct SourceTestCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "test",
        abstract: "Send a sample to the running server as a source would; show the answer.",
        discussion: """
            The sample becomes a real event: it is stored, delivered, and has the source's effects. \
            A webhook source gets the first example of its blueprint, signed as it has to be, or the \
            body given with --body.
            """)

    @Argument(help: "The source's name.")
    var name: String

    @Option(help: "A file with the body to send, or '-'.")
    var body: String?

    @Option(help: "The server (default: where the pipeline file says it listens).")
    var to: String?

    @OptionGroup var options: StoreOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        // The destinations' credentials are not needed for this.
        let file = try PipelineFile.read(
            options.configPath, .init(environment: StoreOptions.environment, needsSecrets: false))
        let test = try await SourceTest.run(
            name, of: file, body: try body.map { try readFile($0) }, server: to)
        if output.json {
            Terminal.standard.write(json: JSONWriter.make { test.appendJSON(to: &$0) })
        } else {
            show(test)
        }
        if !test.isGood { throw ExitCode.failure }
    }

    private func show(_ test: SourceTest) {
        let terminal = Terminal.standard
        terminal.write("POST \(test.server)\(test.sample.shownPath)")
        let body = try? JSONReader.read(test.sample.body).root.pretty()
        terminal.write(
            printable(body ?? String(decoding: test.sample.body, as: UTF8.self), lines: true))
        if let status = test.result.status { terminal.write("\nAnswer: \(status)") }
        if let answer = test.result.body { terminal.write(printable(answer, lines: true)) }
        terminal.write("\n" + test.sentence)
    }
}

struct SourceReplayCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay",
        abstract: "Read a webhook source's kept bodies again, with its blueprint as it is now.",
        discussion:
            "Bodies that still cannot be used stay where they are: sluice rejected lists them.")

    @Argument(help: "The source's name.")
    var name: String

    @Option(help: "Only this one; sluice rejected shows the numbers.")
    var number: Int64?

    @OptionGroup var options: StoreOptions

    func run() async throws {
        let report = try await options.give(needsPipeline: true) {
            try await $0.reprocess(name, number: number)
        }
        Terminal.standard.write(
            "\(report.bodies) kept: \(report.events) became events, \(report.kept) still cannot be used."
        )
    }
}
