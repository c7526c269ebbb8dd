import CCurl
package import Deliver
import Events

/// Sends requests with libcurl: one multi handle on one thread.
///
/// `send` only puts the request into an inbox and wakes the thread. The multi handle is woken under
/// the inbox's lock and freed by the thread after the phase is `closed`, so that a freed handle is
/// never woken.
package final class CurlTransport: Transport {
    private enum Phase { case open, draining, closed }
    private struct Inbox {
        var requests: [Pending] = []
        var phase = Phase.open
        var multi: OpaquePointer?
    }
    private struct Pending {
        let request: OutgoingRequest
        let completion: @Sendable (TransportResult) -> Void
    }
    private let inbox: Locked<Inbox>
    private let thread: WorkerThread

    /// Milliseconds the thread waits for something to happen before it looks up.
    private static let longestPoll: Int32 = 1_000
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
            TransferLoop(multi: multi).run { CurlTransport.take(inbox) }
            curl_multi_cleanup(multi)
        }
        _ = ready.wait(atMost: 60_000) { $0 ? true : nil }
    }

    package func send(
        _ request: OutgoingRequest, completion: @escaping @Sendable (TransportResult) -> Void
    ) {
        let taken = inbox.withLock { inbox in
            guard inbox.phase == .open else { return false }
            inbox.requests.append(Pending(request: request, completion: completion))
            if inbox.requests.count == 1, let multi = inbox.multi { curl_multi_wakeup(multi) }
            return true
        }
        if !taken { completion(.failure(TransferLoop.cancelled(maybeSent: false))) }
    }

    /// Ends every exchange, the open ones as cancelled, and the thread.
    package func close() {
        inbox.withLock { inbox in
            guard inbox.phase == .open else { return }
            inbox.phase = .draining
            if let multi = inbox.multi { curl_multi_wakeup(multi) }
        }
        thread.join()
    }

    /// One exchange, awaited; for commands that send a single request.
    package func exchange(_ request: OutgoingRequest) async -> TransportResult {
        await withCheckedContinuation { continuation in
            send(request) { continuation.resume(returning: $0) }
        }
    }

    /// What has been put in; nil when the thread has to end.
    private static func take(
        _ inbox: Locked<Inbox>
    ) -> [(OutgoingRequest, @Sendable (TransportResult) -> Void)]? {
        inbox.withLock { inbox in
            let requests = inbox.requests.map { ($0.request, $0.completion) }
            inbox.requests = []
            guard inbox.phase == .open else {
                inbox.phase = .closed
                inbox.multi = nil
                for (_, completion) in requests {
                    completion(.failure(TransferLoop.cancelled(maybeSent: false)))
                }
                return nil
            }
            return requests
        }
    }

    /// The transfers themselves; lives on the thread.
    private final class TransferLoop {
        private let multi: OpaquePointer
        private var running: [OpaquePointer: Exchange] = [:]
        private var idle: [Exchange] = []

        init(multi: OpaquePointer) { self.multi = multi }

        /// Perform, drain what is done, look at the inbox, and only then wait.
        func run(
            _ take: () -> [(OutgoingRequest, @Sendable (TransportResult) -> Void)]?
        ) {
            var count: Int32 = 0
            while let requests = take() {
                for (request, completion) in requests { start(request, completion) }
                curl_multi_perform(multi, &count)
                let ended = finishDone()
                guard requests.isEmpty, !ended else { continue }
                curl_multi_poll(multi, nil, 0, longestPoll, nil)
            }
            for exchange in running.values {
                curl_multi_remove_handle(multi, exchange.easy)
                exchange.completion?(.failure(Self.cancelled(maybeSent: true)))
            }
        }

        private func start(
            _ request: OutgoingRequest, _ completion: @escaping @Sendable (TransportResult) -> Void
        ) {
            guard let exchange = idle.popLast() ?? Exchange() else {
                completion(
                    .failure(
                        .init(
                            kind: .protocolError, message: "libcurl has no memory.",
                            maybeSent: false)))
                return
            }
            exchange.prepare(request, completion)
            guard curl_multi_add_handle(multi, exchange.easy) == CURLM_OK else {
                exchange.finish(CURLE_FAILED_INIT)()
                return
            }
            running[exchange.easy] = exchange
        }

        /// Ends what is done; says whether anything was.
        private func finishDone() -> Bool {
            var code = CURLE_OK
            var ended = false
            while let easy = ccurl_next_done(multi, &code) {
                ended = true
                guard let exchange = running.removeValue(forKey: easy) else { continue }
                let complete = exchange.finish(code)
                curl_multi_remove_handle(multi, easy)
                idle.append(exchange)
                complete()
            }
            return ended
        }

        static func cancelled(maybeSent: Bool) -> TransportResult.Failure {
            .init(
                kind: .cancelled, message: "The program was stopped.", maybeSent: maybeSent)
        }
    }
}
