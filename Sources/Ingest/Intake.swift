package import Accept
package import Events
import HTTPTypes
import JSON

/// What becomes of a request with events, whatever way it came: finds its source, reads it, hands
/// it to the store, and says how it ended (DESIGN §4).
package final class Intake: Sendable {
    package let acceptor: Acceptor
    let senders: Senders
    let store: any EventStore
    let clock: WorldClock
    private let rates = RateLimits()

    package init(
        acceptor: Acceptor, senders: Senders, store: any EventStore, clock: WorldClock
    ) {
        self.acceptor = acceptor
        self.senders = senders
        self.store = store
        self.clock = clock
    }

    /// What a path takes.
    enum Shape: Sendable { case single(EventType), batch, either }

    /// The paths of events, in the spellings of every SDK that was measured.
    static let routes: [(path: String, shape: Shape)] =
        EventType.allCases.flatMap { type in
            ["/v1/\(type.rawValue)", "/v1/\(type.rawValue.prefix(1))"].map { ($0, .single(type)) }
        }
        + ["/v1/batch", "/v1/b", "/v1/import", "/sdk/batch", "/beacon/v1/batch"]
        .map { ($0, .batch) } + [("/v1/events", .either)]

    /// A request as far as it matters here.
    struct Call {
        var headers: HTTPFields = [:]
        /// The key in the address.
        var query: Substring?
        /// As it came, perhaps compressed.
        let body: [UInt8]
        /// Who calls, when the headers were looked at before and say nothing more.
        var source: Source?
    }

    static let unknownKey = Problem(
        code: "unknown_key", message: "The request carries no key of a source.",
        hint:
            "Send the write key as Basic user, Bearer token, \"writeKey\" in the body, or ?writeKey=."
    )

    /// Takes a call's events; the answer comes after the commit, or at once with a problem.
    ///
    /// - Parameter answer: gets what writes the answer, so that it can be written elsewhere than on
    ///   the store's thread.
    func take(
        _ call: Call, as shape: Shape,
        answer: @escaping @Sendable (@escaping @Sendable () -> Answer) -> Void
    ) {
        do throws(Problem) {
            let now = clock.now()
            let (source, text, messageID) = try read(call, at: now)
            if source.kind == .browser, let origin = call.headers[.origin],
                !source.origins.contains(origin)
            {
                throw CrossOrigin.refusal(origin)
            }
            if let pause = rates.refusal(of: source.name, source.perSecond, at: now) {
                return answer { pause }
            }
            let isBatch = isBatch(text, shape)
            let envelope = try envelope(text, shape, isBatch, source, messageID, at: now)
            store.accept(envelope, from: source.name) { result in
                // The whole envelope goes along: whoever answers frees its events, not the store.
                answer { [self, envelope] in
                    let rejections = envelope.rejections
                    return switch result {
                    case .failure(let problem): .failure(problem)
                    case .success(let receipts):
                        isBatch ? batch(receipts, rejections) : single(receipts, rejections)
                    }
                }
            }
        } catch {
            answer { .failure(error) }
        }
    }

    /// The same, awaited.
    func answer(_ call: Call, as shape: Shape) async -> Answer {
        await withCheckedContinuation { continuation in
            take(call, as: shape) { continuation.resume(returning: $0()) }
        }
    }

    /// Who calls, and what the body says; of a signed call also a message id.
    private func read(
        _ call: Call, at now: Timestamp
    ) throws(Problem) -> (source: Source, text: RepairedText, messageID: String?) {
        if let source = call.source { return (source, try acceptor.read(call.body), nil) }
        let keys = senders.keys
        let signer = try keys.signatures.signer(of: call.headers, body: call.body, at: now)
        let body = try inflated(call.body, call.headers)
        if let signer { return (signer.source, try acceptor.read(body), signer.messageID) }
        if let source = keys.source(ofHeader: call.headers[.authorization]) {
            return (source, try acceptor.read(body), nil)
        }
        let text = try? acceptor.read(body)
        let root = text?.document.root
        let written = root?["writeKey"]?.string ?? root?["write_key"]?.string
        guard let source = keys.source(of: written ?? call.query.map { String($0) }) else {
            throw Self.unknownKey
        }
        if let text { return (source, text, nil) }
        return (source, try acceptor.read(body), nil)
    }

    private func isBatch(_ text: RepairedText, _ shape: Shape) -> Bool {
        switch shape {
        case .single: false
        case .batch: true
        case .either: text.document.root["batch"] != nil
        }
    }

    private func envelope(
        _ text: RepairedText, _ shape: Shape, _ isBatch: Bool, _ source: Source,
        _ messageID: String?, at now: Timestamp
    ) throws(Problem) -> Envelope {
        var type: EventType?
        if case .single(let routed) = shape { type = routed }
        var envelope =
            isBatch
            ? try acceptor.batch(text, from: source.eventSource, at: now)
            : try acceptor.single(text, type: type, from: source.eventSource, at: now)
        guard let messageID else { return envelope }
        for index in envelope.events.indices
        where envelope.events[index].event.messageID.isEmpty {
            let (place, event) = envelope.events[index]
            envelope.events[index].event = event.named("\(messageID)_\(place)")
        }
        return envelope
    }

    private func single(_ receipts: [Receipt], _ rejections: [Rejection]) -> Answer {
        if let rejection = rejections.first {
            return .failure(.badRequest, rejection.problem)
        }
        return .json(.ok) { writer in
            writer.member("success", true)
            writer.member("id", receipts.first?.id.text)
            writer.member("messageId", receipts.first?.messageID)
            writer.member("duplicate", receipts.first?.duplicate ?? false)
        }
    }

    private func batch(_ receipts: [Receipt], _ rejections: [Rejection]) -> Answer {
        let duplicates = receipts.count { $0.duplicate }
        return .json(.ok) { writer in
            writer.member("success", true)
            writer.member("accepted", receipts.count - duplicates)
            writer.member("duplicates", duplicates)
            writer.key("rejected")
            writer.beginArray()
            for rejection in rejections.sorted(by: { $0.index < $1.index }) {
                writer.beginObject()
                writer.member("index", rejection.index)
                writer.member("messageId", rejection.messageID)
                writer.member("code", rejection.problem.code)
                writer.member("message", rejection.problem.message)
                writer.member("hint", rejection.problem.hint)
                writer.endObject()
            }
            writer.endArray()
        }
    }
}
