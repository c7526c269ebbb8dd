import Accept
import ArgumentParser
import CurlTransport
import Deliver
import Events
import Ingest
import JSON
import Map
import Pipeline
import Request
import SQLiteStore
import Webhooks

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
            Terminal.standard.write(json: JSONWriter.make { rows.write(to: &$0) })
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
        guard let rules = file.pipeline.sources.first(where: { $0.name == name }) else {
            throw noSuchSource(name, among: file.pipeline.sources.map(\.name))
        }
        if let reason = rules.offReason {
            throw Problem(
                code: "source_off", message: "The source \"\(name)\" is off: \(reason).",
                hint:
                    "Give it a token or key, or set \"enabled\": true, and start the server again.")
        }
        let sample = try sample(file)
        var options = TransportOptions()
        options.allowedNetworks = ["0.0.0.0/0", "::/0"]
        let transport = CurlTransport()
        defer { transport.close() }
        let server = to ?? "http://\(file.listen)"
        let result = await transport.exchange(
            OutgoingRequest(
                method: "POST", url: server + sample.path,
                headers: ["Content-Type: application/json"] + sample.headers, body: sample.body,
                options: options))
        report(sample, server, result)
        if result.status != 200 { throw ExitCode.failure }
    }

    private struct Sample {
        let path: String
        /// The path without what is secret in it.
        let shownPath: String
        let headers: [String]
        let body: [UInt8]
    }

    private func sample(_ file: PipelineFile) throws -> Sample {
        let now = WorldClock.system.now()
        let given = try body.map { try readFile($0) }
        if let source = file.webhooks.first(where: { $0.name == name }) {
            let example = source.blueprint.tests.first
            let body = given ?? example.map { Array($0.given.raw) } ?? Array("{}".utf8)
            let id = "test-\(now.milliseconds)"
            let own = given == nil ? example?.headers ?? [:] : [:]
            return Sample(
                path: "/hooks/\(name)/\(source.tokens.first ?? "")",
                shownPath: "/hooks/\(name)/***",
                headers: source.headers(for: body, id: id, at: now)
                    + own.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" },
                body: body)
        }
        guard let source = file.sources.first(where: { $0.name == name }),
            let key = source.keys.first
        else {
            throw Problem(
                code: "no_key", message: "The source \"\(name)\" has no key to send with.",
                hint: "Give it one under \"keys\".")
        }
        let event = Array(
            """
            {"type":"track","event":"Test Event","userId":"sluice-test","properties":{"sent_by":"sluice"}}
            """.utf8)
        return Sample(
            path: "/v1/track", shownPath: "/v1/track", headers: ["Authorization: Bearer \(key)"],
            body: given ?? event)
    }

    private func report(_ sample: Sample, _ server: String, _ result: TransportResult) {
        let terminal = Terminal.standard
        if output.json {
            terminal.write(
                json: JSONWriter.make { writer in
                    writer.beginObject()
                    writer.member("source", name)
                    writer.member("url", server + sample.shownPath)
                    writer.member("status", result.status)
                    writer.member("answer", result.body)
                    writer.member("message", words(result))
                    writer.endObject()
                })
            return
        }
        terminal.write("POST \(server)\(sample.shownPath)")
        let body = try? JSONReader.read(sample.body).root.pretty()
        terminal.write(
            printable(body ?? String(decoding: sample.body, as: UTF8.self), lines: true))
        if let status = result.status { terminal.write("\nAnswer: \(status)") }
        if let answer = result.body { terminal.write(printable(answer, lines: true)) }
        terminal.write("\n" + words(result))
    }

    private func words(_ result: TransportResult) -> String {
        switch result {
        case .answer(let answer):
            switch answer.status {
            case 200 where isRefused(answer.body):
                return "The server took it, but could not use it. See: sluice rejected"
            case 200: return "It works. See what became of it: sluice deliveries --limit 5"
            case 404:
                return "The server does not know this address: it was started with another token."
            case 401: return "The server does not believe the request: its secret is another one."
            default: return "The server did not take it."
            }
        case .failure(let failure):
            return "No answer: \(failure.message) Is the server running? sluice serve"
        }
    }
}

/// Whether an answer says that nothing of the body became an event.
private func isRefused(_ body: [UInt8]) -> Bool {
    let answer = try? JSONReader.read(body).root
    return answer?["accepted"]?.integer == 0 && (answer?["rejected"]?.integer ?? 0) > 0
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
        let options = options
        let control = Control(directory: try options.directory())
        let result = try await control.replay(name, number) {
            // No server runs: what becomes of the events is decided here, with all it takes.
            try PipelineFile.read(
                options.configPath,
                .init(environment: StoreOptions.environment, data: options.data))
        }
        Terminal.standard.write(
            "\(result.bodies) kept: \(result.events) became events, \(result.kept) still cannot be used."
        )
    }
}

/// - Parameter kind: what was looked for, such as a webhook source.
func noSuchSource(
    _ name: String, among names: [String], kind: String = "source"
) -> Problem {
    Problem(
        code: "no_such_source", message: "There is no \(kind) \"\(printable(name))\".",
        hint: suggestion(for: name, among: names))
}
