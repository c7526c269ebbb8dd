import Request
import Accept
import CurlTransport
import Deliver
import Events
import Ingest
import JSON
import Map
import Pipeline
import Webhooks

/// A sample that was sent to the running server as a source would send it, and the answer.
///
/// The sample becomes a real event: it is stored, delivered, and has the source's effects.
struct SourceTest {
    let name: String
    let server: String
    let sample: Sample
    let result: TransportResult

    /// A call as the source makes it.
    struct Sample {
        let path: String
        /// The path with its secret masked.
        let shownPath: String
        let headers: [String]
        let body: [UInt8]
    }

    /// Sends a sample as a source of the pipeline.
    ///
    /// - Parameters:
    ///   - body: the body to send; nil for the blueprint's first example, or an event that says
    ///     what it is.
    ///   - server: where to send it; nil for where the pipeline file says that the server listens.
    static func run(
        _ name: String, of file: PipelineFile, body: [UInt8]?, server: String?
    ) async throws -> SourceTest {
        guard let rules = file.pipeline.sources.first(where: { $0.name == name }) else {
            throw Problem.noSuchSource(name, among: file.pipeline.sources.map(\.name))
        }
        if let reason = rules.offReason {
            throw Problem(
                code: "source_off", message: "The source \"\(name)\" is off: \(reason).",
                hint:
                    "Give it a token or key, or set \"enabled\": true, and start the server again.")
        }
        let sample = try sample(of: name, in: file, body: body)
        var options = TransportOptions()
        options.allowedNetworks = ["0.0.0.0/0", "::/0"]
        let transport = CurlTransport()
        defer { transport.close() }
        let server = Sender.address(server ?? "\(file.listen)")
        let result = await transport.exchange(
            OutgoingRequest(
                method: "POST", url: server + sample.path,
                headers: ["Content-Type: application/json"] + sample.headers, body: sample.body,
                options: options))
        return SourceTest(name: name, server: server, sample: sample, result: result)
    }

    private static func sample(
        of name: String, in file: PipelineFile, body: [UInt8]?
    ) throws -> Sample {
        if let source = file.webhooks.first(where: { $0.name == name }) {
            return webhook(of: source, body: body, at: WorldClock.system.now())
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
            body: body ?? event)
    }

    private static func webhook(
        of source: WebhookSource, body given: [UInt8]?, at now: Timestamp
    ) -> Sample {
        let example = source.blueprint.tests.first
        let body = given ?? example.map { Array($0.given.raw) } ?? Array("{}".utf8)
        let id = "test-\(now.milliseconds)"
        let own = given == nil ? example?.headers ?? [:] : [:]
        return Sample(
            path: "/hooks/\(source.name)/\(source.tokens.first ?? "")",
            shownPath: "/hooks/\(source.name)/***",
            headers: source.headers(for: body, id: id, at: now)
                + own.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" },
            body: body)
    }

    /// True when the server took the sample.
    var isGood: Bool { result.status == 200 }

    /// The answer in a sentence.
    var sentence: String {
        switch result {
        case .answer(let answer):
            switch answer.status {
            case 200 where Self.isRefused(answer.body):
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

    /// True when an answer says that nothing of the body became an event.
    private static func isRefused(_ body: [UInt8]) -> Bool {
        let answer = try? JSONReader.read(body).root
        return answer?["accepted"]?.integer == 0 && (answer?["rejected"]?.integer ?? 0) > 0
    }

    /// The test as JSON.
    func appendJSON(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("source", name)
        writer.member("url", server + sample.shownPath)
        writer.member("status", result.status)
        writer.member("answer", result.body)
        writer.member("message", sentence)
        writer.endObject()
    }
}
