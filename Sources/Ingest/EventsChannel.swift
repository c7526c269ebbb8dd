import Events
import HTTPTypes
package import Hummingbird
import HummingbirdCore
package import Logging
import NIOCore
import NIOHTTP1
import NIOHTTPTypes
import NIOHTTPTypesHTTP1

/// A connection of the ingest API.
///
/// Plain requests with events are answered on the connection's own event loop; every other request
/// goes to the router, in the order in which they came.
struct EventsChannel: ServerChildChannel, HTTPChannelHandler {
    typealias Value = NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart>

    let responder: HTTPChannelHandler.Responder
    let intake: Intake
    let limits: HTTPLimits

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        channel.eventLoop.makeCompletedFuture {
            let pipeline = channel.pipeline.syncOperations
            try pipeline.configureHTTPServerPipeline(
                withPipeliningAssistance: false, withErrorHandling: false,
                withOutboundHeaderValidation: false, withEncoderConfiguration: .init(),
                withDecoderLimitConfiguration: limits.decoder)
            try pipeline.addHandler(
                EventsHandler(
                    intake: intake, idle: .seconds(limits.idleSeconds),
                    encoder: pipeline.context(handlerType: HTTPResponseEncoder.self)
                ))
            try pipeline.addHandler(HTTP1ToHTTPServerCodec(secure: false))
            try pipeline.addHandler(HTTPConnectionStateHandler(logger: logger))
            return try NIOAsyncChannel(
                wrappingChannelSynchronously: channel,
                configuration: .init(isOutboundHalfClosureEnabled: true))
        }
    }

    func handle(value: Value, logger: Logger) async {
        await handleHTTP(asyncChannel: value, logger: logger)
    }
}

extension HTTPLimits {
    fileprivate var decoder: NIOHTTPDecoderLimitConfiguration {
        var decoder = NIOHTTPDecoderLimitConfiguration()
        decoder.maxHeaderFieldSize = headerFieldBytes
        decoder.maxHeaderListSize = headerListBytes
        decoder.maxHeaderFieldCount = headerCount
        return decoder
    }
}

/// Takes the requests with events out of a connection's stream and answers them.
///
/// One request is served at a time: what comes meanwhile is held, and goes on in its order.
private final class EventsHandler: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    private enum State {
        case idle
        /// The router's, until its request has come whole and its answer is written.
        case passing(came: Bool, answered: Bool)
        case reading(Intake.Shape, Plain)
        case answering
    }
    /// A request that can be served here, as far as its headers matter.
    private struct Plain { let authorization: String? }
    private enum Held {
        case part(HTTPServerRequestPart)
        case event(any Sendable)
        case error(any Error)
    }
    private var state = State.idle
    private var held = CircularBuffer<Held>()
    private var isReadHeld = false
    /// The server is about to stop: the connection closes when the request is answered.
    private var quiesce: ChannelShouldQuiesceEvent?
    private var body: [UInt8] = []
    /// Whom the connection's last key belongs to: most say the same one each time.
    private var caller: (authorization: String, keys: KeyRing, source: Source)?
    private let intake: Intake
    /// Answers are written past the encoder, as they are.
    private let encoder: ChannelHandlerContext
    private var context: ChannelHandlerContext?
    /// A connection on which nothing is served may be quiet for so long.
    private let idle: TimeAmount
    private var isQuiet = true
    private var watch: RepeatedTask?

    /// Bytes of a body that are read here; larger ones would keep other connections waiting.
    private static let bodyBytes = 1 << 20
    /// Parts that may be held before nothing more is read.
    private static let heldParts = 64
    private static let shapes = Dictionary(uniqueKeysWithValues: Intake.routes)

    init(intake: Intake, idle: TimeAmount, encoder: ChannelHandlerContext) {
        self.intake = intake
        self.idle = idle
        self.encoder = encoder
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
        watch = context.eventLoop.scheduleRepeatedTask(initialDelay: idle, delay: idle) { _ in
            bound.value.closeWhenQuiet()
        }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        watch?.cancel()
    }

    /// Closes after a whole interval in which no part of a request came.
    private func closeWhenQuiet() {
        switch state {
        case .answering, .passing(came: true, _): return
        case .idle, .reading, .passing:
            if isQuiet { context?.close(promise: nil) }
            isQuiet = true
        }
    }

    // MARK: What comes in

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        isQuiet = false
        let part = unwrapInboundIn(data)
        if held.isEmpty, !mustWait {
            handle(part, context)
        } else {
            take(.part(part), context)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        take(.error(error), context)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case let event as ChannelEvent: take(.event(event), context)
        case let event as ChannelShouldQuiesceEvent:
            switch state {
            case .idle, .passing: context.fireUserInboundEventTriggered(event)
            case .reading, .answering: quiesce = event
            }
        default: context.fireUserInboundEventTriggered(event)
        }
    }

    func read(context: ChannelHandlerContext) {
        if held.count < Self.heldParts { context.read() } else { isReadHeld = true }
    }

    private func take(_ item: Held, _ context: ChannelHandlerContext) {
        if !held.isEmpty || mustWait(item) {
            held.append(item)
        } else {
            handle(item, context)
        }
    }

    /// Whether a request has to be answered first.
    private func mustWait(_ item: Held) -> Bool {
        if case .part = item { return mustWait }
        if case .answering = state { return true }
        return false
    }

    /// Whether one has to be answered before another begins.
    private var mustWait: Bool {
        switch state {
        case .answering, .passing(came: true, _): true
        default: false
        }
    }

    private func handle(_ item: Held, _ context: ChannelHandlerContext) {
        switch item {
        case .part(let part): handle(part, context)
        case .event(let event): context.fireUserInboundEventTriggered(event)
        case .error(let error): context.fireErrorCaught(error)
        }
    }

    private func handle(_ part: HTTPServerRequestPart, _ context: ChannelHandlerContext) {
        switch (state, part) {
        case (.idle, .head(let head)):
            if let shape = Self.shapes[head.uri], let plain = Self.plain(head) {
                state = .reading(shape, plain)
                return
            }
            state = .passing(came: false, answered: false)
        case (.reading, .body(let bytes)):
            body.append(contentsOf: bytes.readableBytesView)
            return
        case (.reading(let shape, let plain), .end):
            serve(call(plain.authorization), shape, context)
            return
        case (.passing(_, let answered), .end):
            state = answered ? .idle : .passing(came: true, answered: false)
        default: break
        }
        context.fireChannelRead(wrapInboundOut(part))
    }

    /// What matters of a request that can be served here; nil when it is the router's.
    private static func plain(_ head: HTTPRequestHead) -> Plain? {
        guard head.method == .POST, head.version == .http1_1 else { return nil }
        var authorization: String?
        var isSized = false
        for (name, value) in head.headers {
            switch name.utf8.count {
            case 13 where name.lowercased() == "authorization": authorization = value
            case 14 where name.lowercased() == "content-length":
                guard let count = Int(value), count <= bodyBytes else { return nil }
                isSized = true
            case 10 where name.lowercased() == "connection":
                if value.lowercased() != "keep-alive" { return nil }
            case let length where routedLengths.contains(length):
                if routed.contains(name.lowercased()) { return nil }
            default: break
            }
        }
        return isSized ? Plain(authorization: authorization) : nil
    }

    /// The request that has come, with its source when the key is the one of the request before.
    private func call(_ authorization: String?) -> Intake.Call {
        guard let authorization else { return Intake.Call(body: body) }
        let keys = intake.senders.keys
        if let caller, caller.keys === keys, caller.authorization == authorization {
            return Intake.Call(body: body, source: caller.source)
        }
        let source = keys.source(ofHeader: authorization)
        caller = source.map { (authorization, keys, $0) }
        // An unknown key may still be another service's token, beside a key in the body.
        return Intake.Call(body: body, source: source)
    }

    /// Headers that make a request the router's.
    private static let routed: Set<String> = [
        "origin", "expect", "upgrade", "x-signature", "content-encoding",
        "transfer-encoding",
    ]
    private static let routedLengths = Set(routed.map(\.utf8.count))

    // MARK: What goes out

    func write(
        context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?
    ) {
        context.write(data, promise: promise)
        guard case .passing(let came, _) = state, case .end = unwrapOutboundIn(data) else { return }
        state = came ? .idle : .passing(came: false, answered: true)
        if came { goOn(context) }
    }

    private func serve(
        _ call: Intake.Call, _ shape: Intake.Shape, _ context: ChannelHandlerContext
    ) {
        state = .answering
        body = []
        let loop = context.eventLoop
        let bound = NIOLoopBound(self, eventLoop: loop)
        intake.take(call, as: shape) { answer in
            loop.execute { bound.value.finish(answer()) }
        }
    }

    private func finish(_ answer: Answer) {
        guard let context else { return }
        var buffer = context.channel.allocator.buffer(capacity: 256 + answer.body.count)
        buffer.write(answer, date: HTTPDate.text(intake.clock.now()))
        encoder.writeAndFlush(NIOAny(buffer), promise: nil)
        state = .idle
        goOn(context)
        if let quiesce, case .idle = state {
            self.quiesce = nil
            context.fireUserInboundEventTriggered(quiesce)
        }
    }

    /// Takes up what was held while a request was served.
    private func goOn(_ context: ChannelHandlerContext) {
        var isPassing = false
        while let next = held.first, !mustWait(next) {
            handle(held.removeFirst(), context)
            if case .passing = state { isPassing = true }
        }
        // What comes after takes it up only then.
        if isPassing { context.fireChannelReadComplete() }
        guard isReadHeld, held.count < Self.heldParts else { return }
        isReadHeld = false
        context.read()
    }
}

extension ByteBuffer {
    fileprivate mutating func write(_ answer: Answer, date: String) {
        writeStaticString("HTTP/1.1 ")
        if answer.status == .ok {
            writeStaticString("200 OK")
        } else {
            writeString("\(answer.status.code) \(answer.status.reasonPhrase)")
        }
        writeStaticString("\r\nContent-Type: ")
        writeString(Answer.type)
        for field in answer.headers { writeString("\r\n\(field.name.rawName): \(field.value)") }
        writeStaticString("\r\nServer: sluice\r\nDate: ")
        writeString(date)
        writeStaticString("\r\nContent-Length: ")
        writeString(String(answer.body.count))
        writeStaticString("\r\n\r\n")
        writeBytes(answer.body)
    }
}

/// The Date of an answer (RFC 9110 §5.6.7), written once a second.
private enum HTTPDate {
    private static let last = Locked<(second: Int64, text: String)>((-1, ""))
    private static let pattern = try? DatePattern("dd MM yyyy HH:mm:ss 'GMT'")
    private static let days = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    static func text(_ now: Timestamp) -> String {
        let second = now.milliseconds / 1000
        return last.withLock { last in
            if last.second != second { last = (second, write(now)) }
            return last.text
        }
    }

    private static func write(_ now: Timestamp) -> String {
        let parts = (pattern?.format(now) ?? "").split(separator: " ")
        guard parts.count == 5, let month = Int(parts[1]) else { return "" }
        let day = days[Int(now.milliseconds / 86_400_000) % 7]
        return "\(day), \(parts[0]) \(months[month - 1]) \(parts[2]) \(parts[3]) \(parts[4])"
    }
}

/// Builds the server of the ingest API.
///
/// - Parameter onListening: gets the address it really listens on, with the port it was given.
package func makeIngestServer(
    _ router: Router<BasicRequestContext>, intake: Intake, listen: ListenAddress, logger: Logger,
    limits: HTTPLimits = HTTPLimits(),
    onListening: @escaping @Sendable (ListenAddress) async -> Void
) -> some ApplicationProtocol {
    makeServer(
        router, listen: listen, logger: logger, limits: limits,
        server: HTTPServerBuilder {
            EventsChannel(responder: $0, intake: intake, limits: limits)
        }, onListening: onListening)
}
