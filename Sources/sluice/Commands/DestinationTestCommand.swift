import Accept
import ArgumentParser
import CurlTransport
import Deliver
import Events
import JSON
import Map
import Pipeline
import Request

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
        guard let destination = file.pipeline[name] else {
            throw Problem.noSuchDestination(
                name, among: file.pipeline.destinations.map(\.name))
        }
        let sample = try sample(destination)
        let decision = try sample.decided(file.pipeline)
        let requests: [MappedRequest]
        do {
            requests = try destination.builder.requests(for: sample, of: decision.identity)
        } catch {
            throw Problem(
                code: error.reason.rawValue, message: "Nothing can be sent: \(error.detail).",
                hint: error.reason.hint)
        }
        guard let request = requests.first else { return }
        let curl = CurlTransport()
        defer { curl.close() }
        let transport = TokenKeeper(curl, clock: .system)
        let outgoing = destination.builder.outgoing(
            request, for: sample, at: WorldClock.system.now())
        let result = await withCheckedContinuation { continuation in
            transport.send(outgoing) { continuation.resume(returning: $0) }
        }
        let judgement = Classifier().judge(
            result, rules: destination.builder.answerRules(for: request.name), missingBefore: 0)
        report(request, result, judgement, destination)
        if judgement.answerClass != .delivered { throw ExitCode.failure }
    }

    /// The given event, else the blueprint's first example, else one that says what it is.
    private func sample(_ destination: Destination) throws -> Event {
        var bytes = Array(
            """
            {"type":"track","event":"Test Event","userId":"sluice-test",
             "context":{"traits":{"email":"test@example.com"}},"properties":{"sent_by":"sluice"}}
            """.utf8)
        let examples = destination.blueprint.tests.filter {
            if case .requests = $0.expect { $0.preset == destination.preset.name } else { false }
        }
        if let event {
            bytes = try readFile(event)
        } else if let example = examples.first {
            bytes = Array(example.given.raw)
        }
        return try Acceptor().sample(bytes, from: "test", at: WorldClock.system.now())
    }

    private func report(
        _ request: MappedRequest, _ result: TransportResult, _ judgement: Judgement,
        _ destination: Destination
    ) {
        let outcome = TestOutcome(result, judgement)
        let answer = result.body.map { destination.builder.mask($0) }
        let terminal = Terminal.standard
        if output.json {
            terminal.write(
                json: JSONWriter.make { writer in
                    writer.beginObject()
                    writer.member("destination", destination.name)
                    writer.member("result", outcome.rawValue)
                    writer.member("message", outcome.words(result))
                    writer.key("request")
                    DeliveryDetail.write([request], to: &writer)
                    writer.member("status", result.status)
                    writer.member("answer", answer)
                    writer.member("hint", judgement.hint)
                    writer.member("fix", judgement.fix)
                    writer.endObject()
                })
            return
        }
        terminal.write("\(request.method) \(printable(request.url.text))")
        let body = try? JSONReader.read(request.body.bytes).root.pretty()
        terminal.write(printable(body ?? request.body.text, lines: true))
        if let status = result.status { terminal.write("\nAnswer: \(status)") }
        if let answer, !answer.isEmpty { terminal.write(printable(answer, lines: true)) }
        let colour: Terminal.Colour = judgement.answerClass == .delivered ? .green : .red
        terminal.write("\n\(terminal.colour(outcome.rawValue, colour)): \(outcome.words(result))")
        guard judgement.answerClass != .delivered else { return }
        if let hint = judgement.hint { terminal.write(hint) }
        if let fix = judgement.fix { terminal.write("What to do: \(fix)") }
    }
}

/// What a test request showed, in the words of a closed list.
enum TestOutcome: String, CaseIterable {
    case ok
    case notJSON = "not_json"
    case redirected
    case verificationFailed = "verification_failed"
    case wrongStatus = "wrong_status"
    case privateAddress = "private_address"
    case timedOut = "timed_out"
    case unknownHost = "unknown_host"
    case noConnection = "no_connection"
    case badCertificate = "bad_certificate"
    case noAnswer = "no_answer"

    init(_ result: TransportResult, _ judgement: Judgement) {
        switch result {
        case .answer(let answer):
            switch answer.status {
            case 200..<300:
                self = (try? JSONReader.read(answer.body)) == nil ? .notJSON : .ok
            case 300..<400: self = .redirected
            case 401, 403: self = .verificationFailed
            default: self = .wrongStatus
            }
        case .failure(let failure):
            switch failure.kind {
            case .blocked: self = .privateAddress
            case .timeout: self = .timedOut
            case .dns: self = .unknownHost
            case .connect: self = .noConnection
            case .tls: self = .badCertificate
            case .reset, .noAnswer, .protocolError, .cancelled: self = .noAnswer
            }
        }
    }

    func words(_ result: TransportResult) -> String {
        let status = result.status.map { "\($0)" } ?? "nothing"
        switch self {
        case .ok: return "It works: the receiver took it and answered \(status)."
        case .notJSON:
            return
                "The receiver took it (\(status)); its answer is no JSON, which Sluice does not mind."
        case .redirected: return "The address redirects (\(status)); redirects are never followed."
        case .verificationFailed:
            return "The receiver does not believe the request: it answered \(status)."
        case .wrongStatus: return "The receiver did not take it: it answered \(status)."
        case .privateAddress: return "The address is private or local, and blocked."
        case .timedOut: return "The receiver did not answer in time."
        case .unknownHost: return "The host's name cannot be resolved."
        case .noConnection: return "Nothing listens at the address, or it cannot be reached."
        case .badCertificate:
            return "The receiver's certificate was not accepted; nothing was sent."
        case .noAnswer: return "The connection ended without a complete answer."
        }
    }
}

extension TransportResult {
    var status: Int? {
        if case .answer(let answer) = self { answer.status } else { nil }
    }

    /// The beginning of the answer.
    var body: String? {
        if case .answer(let answer) = self {
            String(decoding: answer.body, as: UTF8.self)
        } else {
            nil
        }
    }
}

extension Event {
    /// What the pipeline decides about it where nothing is known.
    fileprivate func decided(_ pipeline: Pipeline) throws -> Pipeline.Decision {
        var people = MemoryPeople()
        return try pipeline.decide(self, in: &people)
    }
}
