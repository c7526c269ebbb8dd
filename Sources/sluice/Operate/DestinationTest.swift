import Request
import Accept
import CurlTransport
import Deliver
import Events
import JSON
import Log
import Map
import Pipeline

/// A sample that was sent to a destination, and what came of it.
///
/// The sample really arrives there. Consent is not asked and nothing is stored here.
struct DestinationTest {
    let destination: Destination
    let request: MappedRequest
    let result: TransportResult
    let judgement: Judgement

    /// Sends a sample to a destination of the pipeline.
    ///
    /// - Parameter event: the JSON of the event to send; nil for the blueprint's first example.
    /// - Throws: the reason why there is nothing to send.
    static func run(
        _ name: String, in pipeline: Pipeline, event: [UInt8]?
    ) async throws -> DestinationTest {
        guard let destination = pipeline[name] else {
            throw Problem.noSuchDestination(name, among: pipeline.destinations.map(\.name))
        }
        let sample = try sample(for: destination, event: event)
        let request = try request(for: sample, to: destination, in: pipeline)
        let curl = CurlTransport()
        defer { curl.close() }
        let transport = TokenKeeper(curl, clock: .system)
        let outgoing = destination.builder.outgoing(
            request, for: sample, at: WorldClock.system.now())
        let result = await withCheckedContinuation { continuation in
            transport.send(outgoing) { continuation.resume(returning: $0) }
        }
        let (masked, _) = result.masked(destination.builder.mask)
        let judgement = Classifier().judge(
            masked, rules: destination.builder.answerRules(for: request.name), missingBefore: 0)
        return DestinationTest(
            destination: destination, request: request, result: result, judgement: judgement)
    }

    /// The given event, else the blueprint's first example, else one that says what it is.
    private static func sample(for destination: Destination, event: [UInt8]?) throws -> Event {
        var bytes = Array(
            """
            {"type":"track","event":"Test Event","userId":"sluice-test",
             "context":{"traits":{"email":"test@example.com"}},"properties":{"sent_by":"sluice"}}
            """.utf8)
        let examples = destination.blueprint.tests.filter {
            if case .requests = $0.expect { $0.preset == destination.preset.name } else { false }
        }
        if let event {
            bytes = event
        } else if let example = examples.first {
            bytes = Array(example.given.raw)
        }
        return try Acceptor().sample(
            bytes, from: EventSource(name: "test", trusted: true), at: WorldClock.system.now())
    }

    private static func request(
        for sample: Event, to destination: Destination, in pipeline: Pipeline
    ) throws -> MappedRequest {
        var people = MemoryPeople()
        let decision = try pipeline.decide(sample, in: &people)
        let requests: [MappedRequest]
        do {
            requests = try destination.builder.requests(for: sample, of: decision.identity)
        } catch {
            throw Problem(
                code: error.reason.rawValue, message: "Nothing can be sent: \(error.detail).",
                hint: error.reason.hint)
        }
        guard let request = requests.first else {
            throw Problem(
                code: Reason.mapping.rawValue,
                message: "Nothing can be sent: the event has no request.",
                hint: Reason.mapping.hint)
        }
        return request
    }

    /// True when the destination took the sample.
    var isGood: Bool { judgement.answerClass == .delivered }

    var outcome: TestOutcome { TestOutcome(result, judgement) }

    /// The outcome in a sentence.
    var sentence: String { outcome.words(result) }

    /// The advice; nothing is tried again by itself after a test.
    var fix: String? {
        guard let fix = judgement.fix, fix.hasPrefix("Nothing to do") else { return judgement.fix }
        return "This was a single test: run it again later."
    }

    /// The answer, with the destination's secrets masked.
    var answer: String? { result.body.map { destination.builder.mask($0) } }

    /// The test as JSON.
    func appendJSON(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("destination", destination.name)
        writer.member("result", outcome.rawValue)
        writer.member("message", sentence)
        writer.key("request")
        [request].appendJSON(to: &writer)
        writer.member("status", result.status)
        writer.member("answer", answer)
        writer.member("hint", judgement.hint)
        writer.member("fix", fix)
        writer.endObject()
    }
}
