import ArgumentParser
import Deliver
import Events
import JSON

struct DestinationTestCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "test",
        abstract: "Send a sample to a destination; show request, answer and what they mean.",
        discussion: """
            The sample really arrives there: it is the first example of the blueprint's preset, or \
            the event given with --event. Consent is not asked and nothing is stored here.
            """)

    @Argument(help: "The destination's name.")
    var name: String

    @Option(help: "A file with the event to send, or '-'.")
    var event: String?

    @OptionGroup var options: StoreOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let file = try PipelineFile.read(
            options.configPath, .init(environment: StoreOptions.environment))
        let test = try await DestinationTest.run(
            name, in: file.pipeline, event: try event.map { try readFile($0) })
        if output.json {
            Terminal.standard.write(json: JSONWriter.make { test.appendJSON(to: &$0) })
        } else {
            show(test)
        }
        if !test.isGood { throw ExitCode.failure }
    }

    private func show(_ test: DestinationTest) {
        let terminal = Terminal.standard
        let request = test.request
        terminal.write("\(request.method) \(printable(request.url.text))")
        let body = try? JSONReader.read(request.body.bytes).root.pretty()
        terminal.write(printable(body ?? request.body.text, lines: true))
        if let status = test.result.status { terminal.write("\nAnswer: \(status)") }
        if let answer = test.answer, !answer.isEmpty {
            terminal.write(printable(answer, lines: true))
        }
        let colour: Terminal.Colour = test.isGood ? .green : .red
        terminal.write("\n\(terminal.colour(test.outcome.rawValue, colour)): \(test.sentence)")
        guard !test.isGood else { return }
        if let hint = test.judgement.hint { terminal.write(hint) }
        if let fix = test.fix { terminal.write("What to do: \(fix)") }
    }
}
