package import Deliver
import Events

/// A transport that answers what a test tells it to, and remembers what was sent.
package final class ScriptedTransport: Transport {
    private struct State {
        var sent: [OutgoingRequest] = []
        var open: [@Sendable (TransportResult) -> Void] = []
    }
    private let state = Locked(State())
    private let answer: Locked<@Sendable (OutgoingRequest, Int) -> TransportResult?>

    /// - Parameter answer: gets the request and how many came before it; nil keeps it open.
    package init(_ answer: @escaping @Sendable (OutgoingRequest, Int) -> TransportResult?) {
        self.answer = Locked(answer)
    }

    /// Always this status.
    package convenience init(status: Int) {
        self.init { _, _ in .answer(.init(status: status)) }
    }

    /// Answers differently from now on.
    package func change(
        _ answer: @escaping @Sendable (OutgoingRequest, Int) -> TransportResult?
    ) {
        self.answer.withLock { $0 = answer }
    }

    package func send(
        _ request: OutgoingRequest, completion: @escaping @Sendable (TransportResult) -> Void
    ) {
        let count = state.withLock { state in
            state.sent.append(request)
            return state.sent.count - 1
        }
        let answer = answer.withLock { $0 }
        guard let result = answer(request, count) else {
            state.withLock { $0.open.append(completion) }
            return
        }
        completion(result)
    }

    package var sent: [OutgoingRequest] { state.withLock { $0.sent } }

    package var bodies: [String] { sent.map { String(decoding: $0.body, as: UTF8.self) } }

    /// Ends what was kept open.
    package func finishOpen(_ result: TransportResult) {
        let open = state.withLock { state in
            defer { state.open = [] }
            return state.open
        }
        for completion in open { completion(result) }
    }
}
