import Accept
import NIOCore
import NIOHTTP1

/// Decides for one connection of the ingest API what happens to each part that comes in.
///
/// A plain request with events (`PlainRequest`) is gathered and answered by the intake; every other
/// request is forwarded to the router. Requests are served one at a time, in the order in which
/// they came: while one waits for its answer, all that comes after it is held.
///
///     idle ──head of a plain request──▶ reading ──end──▶ answering ──answered──▶ idle
///     idle ──any other head───────────▶ passing ──end and the router's answer──▶ idle
///
/// A value without a channel: each input changes the state and returns the action to take. After
/// `answered` and `routerAnswered` the caller takes what `next` returns, one action after the
/// other, until it returns nil.
struct EventsConnection {
    /// An item of the stream that comes in on the connection.
    enum Inbound {
        case part(HTTPServerRequestPart)
        case event(any Sendable)
        case error(any Error)
    }

    /// An order to the caller.
    enum Action {
        /// Hand an item on to the router.
        case forward(Inbound)
        /// Write `100 Continue`, for which the client waits with its body; then hand the head on to
        /// the router, when there is one.
        case invite(Inbound?)
        /// Hand the events to the intake, and call `answered` when the answer is written.
        case answer(PlainRequest, body: [UInt8])
        /// Tell the router that nothing more comes for now; it begins to work only then.
        case completeRead
        /// Read more from the socket.
        case read
        /// Tell the router that the server is about to stop; it closes the connection.
        case quiesce
        /// Close the connection.
        case close
    }

    private enum State {
        case idle
        case reading(PlainRequest)
        case answering
        /// The router's, until its request has come whole and its answer is written.
        case passing(hasEnded: Bool, isAnswered: Bool)
    }

    /// Items that may be held before nothing more is read from the socket.
    static let heldItems = 64

    /// Bytes of a body that the router takes.
    private let bodyBytes: Int
    private var state = State.idle
    private var held = CircularBuffer<Inbound>()
    /// The body of the plain request that is being read.
    private var body: [UInt8] = []
    /// A read was asked for while too much was held.
    private var isReadHeld = false
    /// Held parts were forwarded, and the router has not been told yet that they are all.
    private var isReadOpen = false
    /// The server is about to stop, and the router must not hear of it before the answer is out.
    private var isStopping = false
    /// No part has come since the last interval ended.
    private var isQuiet = true

    init(bodyBytes: Int = AcceptLimits().bodyBytes) { self.bodyBytes = bodyBytes }

    // MARK: What comes in

    /// Acts on an item that has come in, or holds it while a request waits for its answer.
    mutating func receive(_ inbound: Inbound) -> Action? {
        if case .part = inbound { isQuiet = false }
        if held.isEmpty, !mustWait(inbound) { return handle(inbound) }
        held.append(inbound)
        return nil
    }

    /// A read from the socket is asked for: allowed, unless too much is held already.
    mutating func askToRead() -> Action? {
        if held.count < Self.heldItems { return .read }
        isReadHeld = true
        return nil
    }

    /// The server is about to stop: a plain request that has begun is answered first.
    mutating func stop() -> Action? {
        isStopping = true
        return quiesceWhenAllowed()
    }

    /// An interval of the idle time is over: closes when nothing came in it and no answer is due.
    mutating func endInterval() -> Action? {
        switch state {
        case .answering, .passing(hasEnded: true, _): return nil
        case .idle, .reading, .passing:
            defer { isQuiet = true }
            return isQuiet ? .close : nil
        }
    }

    // MARK: What goes out

    /// The answer to the plain request is written.
    mutating func answered() { state = .idle }

    /// The router has written the end of its answer.
    mutating func routerAnswered() {
        guard case .passing(let hasEnded, _) = state else { return }
        state = hasEnded ? .idle : .passing(hasEnded: false, isAnswered: true)
    }

    /// The next action on what was held while a request waited for its answer; nil when there is
    /// none for now.
    mutating func next() -> Action? {
        while let first = held.first, !mustWait(first) {
            let action = handle(held.removeFirst())
            if case .passing = state { isReadOpen = true }
            if let action { return action }
        }
        if isReadOpen {
            isReadOpen = false
            return .completeRead
        }
        if isReadHeld, held.count < Self.heldItems {
            isReadHeld = false
            return .read
        }
        return quiesceWhenAllowed()
    }

    // MARK: Steps

    /// A request's parts wait for the answer to the request before; events and errors wait only
    /// for an answer of ours, because the router has its own way to deal with them.
    private func mustWait(_ inbound: Inbound) -> Bool {
        switch (state, inbound) {
        case (.answering, _), (.passing(hasEnded: true, _), .part): true
        default: false
        }
    }

    private mutating func handle(_ inbound: Inbound) -> Action? {
        guard case .part(let part) = inbound else { return .forward(inbound) }
        switch (state, part) {
        case (.idle, .head(let head)):
            if let request = PlainRequest(head) {
                state = .reading(request)
                return request.awaitsInvitation ? .invite(nil) : nil
            }
            state = .passing(hasEnded: false, isAnswered: false)
            if awaitsInvitation(head) { return .invite(inbound) }
        case (.reading, .body(let bytes)):
            body.append(contentsOf: bytes.readableBytesView)
            return nil
        case (.reading(let request), .end):
            let whole = body
            body = []
            state = .answering
            return .answer(request, body: whole)
        case (.passing(_, let isAnswered), .end):
            state = isAnswered ? .idle : .passing(hasEnded: true, isAnswered: false)
        default: break
        }
        return .forward(inbound)
    }

    /// True when the client of a routed request waits to send its body, and may send it: a body
    /// that is too large is refused before it comes.
    private func awaitsInvitation(_ head: HTTPRequestHead) -> Bool {
        guard head.version == .http1_1,
            head.headers.first(name: "expect")?.lowercased() == PlainRequest.invitation
        else { return false }
        return Int(head.headers.first(name: "content-length") ?? "") ?? 0 <= bodyBytes
    }

    private mutating func quiesceWhenAllowed() -> Action? {
        guard isStopping else { return nil }
        switch state {
        case .reading, .answering: return nil
        case .idle, .passing:
            isStopping = false
            return .quiesce
        }
    }
}
