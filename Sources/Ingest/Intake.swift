package import Accept
package import Events
import HTTPTypes
import JSON

/// The way of every request with events, whether the router or the connection serves it: finds the
/// source, reads the body, hands the events to the store, and answers after the commit.
package final class Intake: Sendable {
    /// Reads bodies and checks their limits.
    package let acceptor: Acceptor
    let senders: Senders
    let store: any EventStore
    let refusals: Refusals
    let clock: WorldClock
    private let rates = RateLimits()

    /// An intake that stores what its senders send, and tells of calls that it refuses.
    package init(
        acceptor: Acceptor, senders: Senders, store: any EventStore, refusals: Refusals,
        clock: WorldClock
    ) {
        self.acceptor = acceptor
        self.senders = senders
        self.store = store
        self.refusals = refusals
        self.clock = clock
    }

    /// The kind of body that a path accepts.
    enum Shape: Sendable { case single(EventType), batch, either }

    /// The paths of events, in the spellings of every SDK that was measured.
    static let routes: [(path: String, shape: Shape)] =
        EventType.allCases.flatMap { type in
            ["/v1/\(type.rawValue)", "/v1/\(type.rawValue.prefix(1))"].map { ($0, .single(type)) }
        }
        + ["/v1/batch", "/v1/b", "/v1/import", "/sdk/batch", "/beacon/v1/batch"]
        .map { ($0, .batch) } + [("/v1/events", .either)]

    /// A request as far as it matters to the intake.
    struct Call {
        var headers: HTTPFields = [:]
        /// The key in the address.
        var query: Substring?
        /// The body as it came, perhaps compressed.
        let body: [UInt8]
        /// The source, when the connection has found it already and no header matters any more.
        var source: Source?
        let caller: Caller

        /// The key in the address, else in the header; a key in the body is not looked for.
        var key: String? { query.map { String($0) } ?? caller.key }
    }

    /// A call that cannot be taken, and the key it gave.
    private struct Refused: Error {
        let problem: Problem
        let key: String?
    }

    static let unknownKey = Problem(
        code: "unknown_key", message: "The request carries no key of a source.",
        hint:
            "Send the write key as Basic user, Bearer token, \"writeKey\" in the body, or ?writeKey=."
    )

    /// Stores a call's events; the answer comes after the commit, or at once with a problem.
    ///
    /// - Parameter answer: gets a function that makes the answer, so that another thread than the
    ///   store's can make it.
    func receive(
        _ call: Call, as shape: Shape,
        answer: @escaping @Sendable (@escaping @Sendable () -> Answer) -> Void
    ) {
        let now = clock.now()
        do throws(Refused) {
            let sender = try sender(of: call, at: now)
            let source = sender.source
            if source.kind == .browser, let origin = call.headers[.origin],
                !source.origins.contains(origin)
            {
                let problem = CrossOrigin.refusal(origin)
                refusals.note(
                    problem.code, of: source.name, by: call.caller, key: call.key)
                return answer { .failure(problem) }
            }
            if let pause = rates.refusal(
                of: source.name, perSecond: source.perSecond, at: now)
            {
                refusals.note(
                    RateLimits.code, of: source.name, by: call.caller, key: call.key)
                return answer { pause }
            }
            do throws(Problem) {
                let text = try sender.text.get()
                let isBatch = isBatch(text, shape)
                let envelope = try envelope(
                    text, from: sender, as: shape, isBatch: isBatch, at: now)
                store(envelope, of: source, isBatch: isBatch, answer: answer)
            } catch {
                keep(call, of: source, refusedFor: error, answer: answer)
            }
        } catch {
            let problem = error.problem
            refusals.note(problem.code, of: nil, by: call.caller, key: error.key)
            answer { .failure(problem) }
        }
    }

    private func store(
        _ envelope: Envelope, of source: Source, isBatch: Bool,
        answer: @escaping @Sendable (@escaping @Sendable () -> Answer) -> Void
    ) {
        store.accept(envelope, from: source.name) { result in
            // The function keeps the envelope, so that its events are freed by the thread that
            // answers and not by the store's.
            answer { [self, envelope] in
                let rejections = envelope.rejections
                return switch result {
                case .failure(let problem): .failure(problem)
                case .success(let receipts):
                    isBatch ? batch(receipts, rejections) : single(receipts, rejections)
                }
            }
        }
    }

    /// Keeps the beginning of a body that is refused whole, and answers with what is wrong with it,
    /// whether it could be kept or not.
    private func keep(
        _ call: Call, of source: Source, refusedFor problem: Problem,
        answer: @escaping @Sendable (@escaping @Sendable () -> Answer) -> Void
    ) {
        refusals.note(problem.code, of: source.name, by: call.caller, key: call.key)
        let given = (try? inflated(call.body, call.headers)) ?? call.body
        let kept = source.eventSource.neverStore.cleaned(body: given)
        let rejection = Rejection(
            index: 0, messageID: nil, problem: problem,
            body: source.withoutKeys(in: kept.bytes, limit: acceptor.limits.rejectedBytes),
            removed: kept.paths)
        store.accept(Envelope(rejections: [rejection]), from: source.name) { _ in
            answer { .failure(problem) }
        }
    }

    /// Stores a call's events and waits for the answer.
    func answer(to call: Call, as shape: Shape) async -> Answer {
        await withCheckedContinuation { continuation in
            receive(call, as: shape) { continuation.resume(returning: $0()) }
        }
    }

    /// The sender of a call, and the text of its body.
    private struct Sender {
        let source: Source
        /// The body's JSON, or what is wrong with the body.
        let text: Result<RepairedText, Problem>
        /// Of a signed call: the message id of events that have none of their own.
        var messageID: String?
    }

    /// Finds the source of a call by its signature, its header, its body or its address, in this
    /// order, and reads the body.
    private func sender(of call: Call, at now: Timestamp) throws(Refused) -> Sender {
        if let source = call.source { return Sender(source: source, text: text(of: call)) }
        let keys = senders.keys
        var written: String?
        do throws(Problem) {
            if let signer = try keys.signatures.signer(
                of: call.headers, body: call.body, at: now)
            {
                return Sender(
                    source: signer.source, text: text(of: call), messageID: signer.messageID)
            }
            if let source = keys.source(ofHeader: call.headers[.authorization]) {
                return Sender(source: source, text: text(of: call))
            }
            let text = text(of: try inflated(call.body, call.headers))
            let root = (try? text.get())?.document.root
            written = root?["writeKey"]?.string ?? root?["write_key"]?.string
            guard let source = keys.source(of: written ?? call.query.map { String($0) }) else {
                throw Self.unknownKey
            }
            return Sender(source: source, text: text)
        } catch {
            throw Refused(problem: error, key: written ?? call.key)
        }
    }

    private func text(of call: Call) -> Result<RepairedText, Problem> {
        do throws(Problem) {
            return text(of: try inflated(call.body, call.headers))
        } catch {
            return .failure(error)
        }
    }

    private func text(of body: [UInt8]) -> Result<RepairedText, Problem> {
        do throws(Problem) {
            return .success(try acceptor.read(body))
        } catch {
            return .failure(error)
        }
    }

    private func isBatch(_ text: RepairedText, _ shape: Shape) -> Bool {
        switch shape {
        case .single: false
        case .batch: true
        case .either: text.document.root["batch"] != nil
        }
    }

    private func envelope(
        _ text: RepairedText, from sender: Sender, as shape: Shape, isBatch: Bool,
        at now: Timestamp
    ) throws(Problem) -> Envelope {
        let source = sender.source.eventSource
        var type: EventType?
        if case .single(let routed) = shape { type = routed }
        var envelope =
            isBatch
            ? try acceptor.batch(text, from: source, at: now)
            : try acceptor.single(text, type: type, from: source, at: now)
        guard let messageID = sender.messageID else { return envelope }
        for index in envelope.events.indices
        where envelope.events[index].event.messageID.isEmpty {
            let (place, event) = envelope.events[index]
            envelope.events[index].event = event.withMessageID("\(messageID)_\(place)")
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
            let inOrder = rejections.sorted { $0.index < $1.index }
            writer.member("rejected", objectsOf: inOrder) { rejection, writer in
                writer.member("index", rejection.index)
                writer.member("messageId", rejection.messageID)
                writer.member("code", rejection.problem.code)
                writer.member("message", rejection.problem.message)
                writer.member("hint", rejection.problem.hint)
            }
        }
    }
}
