import CCurl
import Events
package import Request

/// Sends requests with libcurl: one multi handle on one thread.
///
/// `send` only puts the request into an inbox and wakes the thread. The thread goes round one loop:
/// it empties the inbox, has libcurl perform what the sockets allow, completes the transfers that
/// are done, takes a turn of whoever asked for turns, and waits in `curl_multi_poll`. Three rules
/// keep it safe:
///
/// - The inbox is looked at again between performing and waiting, because libcurl may use up a
///   wake-up while it performs. No wait is longer than a second.
/// - The multi handle is woken under the inbox's lock and freed by the thread after the phase is
///   `closed`, so that a freed handle is never woken.
/// - Every completion is called exactly once, on the thread or by `send` itself, never under the
///   lock.
///
/// Easy handles are reused, with their parsed address and headers when the next request goes to the
/// same place.
package final class CurlTransport: Transport, Turns {
    private enum Phase { case open, draining, closed }
    private struct Inbox {
        var requests: [Pending] = []
        var phase = Phase.open
        var multi: OpaquePointer?
        var turn: (@Sendable () -> Duration)?
        /// A turn is wanted at once.
        var isWoken = false
        /// The thread waits, and has to be woken for what is put in.
        var isWaiting = false

        mutating func wake() {
            isWoken = true
            guard isWaiting, let multi else { return }
            isWaiting = false
            curl_multi_wakeup(multi)
        }
    }
    /// The content of the inbox, for the thread to work on.
    private struct Taken {
        var requests: [Pending]
        var turn: (@Sendable () -> Duration)?
    }
    private struct Pending {
        let request: OutgoingRequest
        let completion: @Sendable (TransportResult) -> Void
    }
    private let inbox: Locked<Inbox>
    private let thread: WorkerThread

    /// How long the thread waits for something to happen before it looks up.
    private static let longestPoll = Duration.seconds(1)
    /// Connections that are kept open between requests.
    private static let keptConnections = 512

    package init() {
        let inbox = Locked(Inbox())
        self.inbox = inbox
        let ready = Locked(false)
        thread = WorkerThread(named: "curl") {
            guard ccurl_global_init() == CURLE_OK, let multi = curl_multi_init() else {
                preconditionFailure("libcurl could not be initialised")
            }
            _ = ccurl_multi_set_long(multi, CURLMOPT_MAXCONNECTS, CurlTransport.keptConnections)
            inbox.withLock { $0.multi = multi }
            ready.signal { $0 = true }
            TransferLoop(multi: multi).run(inbox)
            curl_multi_cleanup(multi)
        }
        _ = ready.wait(atMost: .minutes(1)) { $0 ? true : nil }
    }

    /// Starts an exchange and returns at once; `completion` is called exactly once.
    package func send(
        _ request: OutgoingRequest, completion: @escaping @Sendable (TransportResult) -> Void
    ) {
        let taken = inbox.withLock { inbox in
            guard inbox.phase == .open else { return false }
            inbox.requests.append(Pending(request: request, completion: completion))
            inbox.wake()
            return true
        }
        if !taken { completion(.failure(TransferLoop.cancelled(maybeSent: false))) }
    }

    /// Ends every exchange, the open ones as cancelled, and the thread.
    package func close() {
        inbox.withLock { inbox in
            guard inbox.phase == .open else { return }
            inbox.phase = .draining
            inbox.wake()
        }
        thread.join()
    }

    /// Calls `turn` on the transfer thread again and again; nil ends it.
    package func takeTurns(_ turn: (@Sendable () -> Duration)?) {
        inbox.withLock { $0.turn = turn }
    }

    /// Has the next turn taken at once.
    package func wake() { inbox.withLock { $0.wake() } }

    /// One exchange, awaited; for commands that send a single request.
    package func exchange(_ request: OutgoingRequest) async -> TransportResult {
        await withCheckedContinuation { continuation in
            send(request) { continuation.resume(returning: $0) }
        }
    }

    /// Takes everything out of the inbox; nil when the thread has to end.
    private static func empty(_ inbox: Locked<Inbox>) -> Taken? {
        let (taken, isOver) = inbox.withLock { inbox in
            let taken = Taken(requests: inbox.requests, turn: inbox.turn)
            inbox.requests = []
            inbox.isWoken = false
            if inbox.phase != .open {
                inbox.phase = .closed
                inbox.multi = nil
                inbox.turn = nil
            }
            return (taken, inbox.phase == .closed)
        }
        guard isOver else { return taken }
        for pending in taken.requests {
            pending.completion(.failure(TransferLoop.cancelled(maybeSent: false)))
        }
        return nil
    }

    /// True when nothing has been put in: then the thread may wait, and is woken for the next.
    private static func mayWait(_ inbox: Locked<Inbox>) -> Bool {
        inbox.withLock { inbox in
            inbox.isWaiting = !inbox.isWoken
            return inbox.isWaiting
        }
    }

    /// The transfers themselves; lives on the thread.
    private final class TransferLoop {
        private let multi: OpaquePointer
        /// Every exchange there is; kept alive while libcurl knows it.
        private var all: [Exchange] = []
        /// Exchanges without a transfer, for the next requests.
        private var idle: [Exchange] = []

        init(multi: OpaquePointer) { self.multi = multi }

        /// Perform, drain what is done, take a turn, look at the inbox, and only then wait.
        func run(_ inbox: Locked<Inbox>) {
            var count: Int32 = 0
            while let taken = CurlTransport.empty(inbox) {
                for pending in taken.requests { start(pending) }
                curl_multi_perform(multi, &count)
                let ended = finishDone()
                let pause = taken.turn?() ?? longestPoll
                guard !ended, CurlTransport.mayWait(inbox) else { continue }
                let milliseconds = min(longestPoll, pause).milliseconds
                curl_multi_poll(multi, nil, 0, Int32(clamping: milliseconds), nil)
                inbox.withLock { $0.isWaiting = false }
            }
            for exchange in all {
                guard let completion = exchange.completion else { continue }
                curl_multi_remove_handle(multi, exchange.easy)
                completion(.failure(Self.cancelled(maybeSent: true)))
            }
        }

        private func start(_ pending: Pending) {
            guard let exchange = idle.popLast() ?? makeExchange() else {
                pending.completion(
                    .failure(
                        .init(.other, at: "", detail: "there is no memory", maybeSent: false)))
                return
            }
            exchange.prepare(pending.request, completion: pending.completion)
            if let refusal = exchange.refusal {
                idle.append(exchange)
                exchange.end(with: .failure(refusal))()
                return
            }
            guard curl_multi_add_handle(multi, exchange.easy) == CURLM_OK else {
                exchange.finish(CURLE_FAILED_INIT)()
                return
            }
        }

        private func makeExchange() -> Exchange? {
            let exchange = Exchange()
            if let exchange { all.append(exchange) }
            return exchange
        }

        /// Completes the transfers that are done; true when there was one.
        private func finishDone() -> Bool {
            var code = CURLE_OK
            var ended = false
            while let easy = ccurl_next_done(multi, &code) {
                ended = true
                guard let exchange = Exchange.of(easy) else { continue }
                if exchange.looksCloser(after: code) {
                    curl_multi_remove_handle(multi, easy)
                    if curl_multi_add_handle(multi, easy) == CURLM_OK { continue }
                    // No second look: the handle is as it was.
                    _ = exchange.looksCloser(after: code)
                }
                let complete = exchange.finish(code)
                curl_multi_remove_handle(multi, easy)
                idle.append(exchange)
                complete()
            }
            return ended
        }

        static func cancelled(maybeSent: Bool) -> TransportResult.Failure {
            .init(.cancelled, at: "", maybeSent: maybeSent)
        }
    }
}
