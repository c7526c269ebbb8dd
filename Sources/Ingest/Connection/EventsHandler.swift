import Accept
import Events
import NIOCore
import NIOHTTP1

/// Feeds an `EventsConnection` with what comes over its channel, and does what it orders.
final class EventsHandler: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    private var connection: EventsConnection
    private let intake: Intake
    /// Answers are written past the encoder, as they are.
    private let encoder: ChannelHandlerContext
    private var context: ChannelHandlerContext?
    /// The time that a connection on which nothing is served may be quiet.
    private let idle: TimeAmount
    private var watch: RepeatedTask?
    /// Whom the connection's last key belongs to: most requests carry the same one each time.
    private var caller: (authorization: String, keys: KeyRing, source: Source)?

    init(intake: Intake, idle: TimeAmount, encoder: ChannelHandlerContext) {
        self.intake = intake
        connection = EventsConnection(bodyBytes: intake.acceptor.limits.bodyBytes)
        self.idle = idle
        self.encoder = encoder
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
        watch = context.eventLoop.scheduleRepeatedTask(initialDelay: idle, delay: idle) { _ in
            let handler = bound.value
            guard let context = handler.context else { return }
            handler.obey(handler.connection.endInterval(), context)
        }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        watch?.cancel()
    }

    // MARK: What comes in

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        obey(connection.receive(.part(unwrapInboundIn(data))), context)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        obey(connection.receive(.error(error)), context)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case let event as ChannelEvent: obey(connection.receive(.event(event)), context)
        case is ChannelShouldQuiesceEvent: obey(connection.stop(), context)
        default: context.fireUserInboundEventTriggered(event)
        }
    }

    func read(context: ChannelHandlerContext) {
        obey(connection.askToRead(), context)
    }

    // MARK: What goes out

    func write(
        context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?
    ) {
        context.write(data, promise: promise)
        guard case .end = unwrapOutboundIn(data) else { return }
        connection.routerAnswered()
        goOn(context)
    }

    private func obey(_ action: EventsConnection.Action?, _ context: ChannelHandlerContext) {
        switch action {
        case nil: break
        case .forward(.part(let part)): context.fireChannelRead(wrapInboundOut(part))
        case .forward(.event(let event)): context.fireUserInboundEventTriggered(event)
        case .forward(.error(let error)): context.fireErrorCaught(error)
        case .invite(let head):
            let invitation = ByteBuffer(staticString: "HTTP/1.1 100 Continue\r\n\r\n")
            encoder.writeAndFlush(NIOAny(invitation), promise: nil)
            if let head { obey(.forward(head), context) }
        case .answer(let request, let body): answer(request, body: body, on: context.eventLoop)
        case .completeRead: context.fireChannelReadComplete()
        case .read: context.read()
        case .quiesce: context.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent())
        case .close: context.close(promise: nil)
        }
    }

    /// Takes up what was held while a request was served.
    private func goOn(_ context: ChannelHandlerContext) {
        while let action = connection.next() { obey(action, context) }
    }

    private func answer(_ request: PlainRequest, body: [UInt8], on loop: any EventLoop) {
        let bound = NIOLoopBound(self, eventLoop: loop)
        intake.receive(call(request, body: body), as: request.shape) { answer in
            loop.execute { bound.value.send(answer()) }
        }
    }

    /// A request as the intake reads it, with its source when the key is the one of the request
    /// before.
    private func call(_ request: PlainRequest, body: [UInt8]) -> Intake.Call {
        let sender = Caller.plain(request.head)
        guard let authorization = request.authorization else {
            return Intake.Call(body: body, caller: sender)
        }
        let keys = intake.senders.keys
        if let caller, caller.keys === keys, caller.authorization == authorization {
            return Intake.Call(body: body, source: caller.source, caller: sender)
        }
        let source = keys.source(ofHeader: authorization)
        caller = source.map { (authorization, keys, $0) }
        // An unknown key may still be another service's token, beside a key in the body.
        return Intake.Call(body: body, source: source, caller: sender)
    }

    private func send(_ answer: Answer) {
        guard let context else { return }
        var buffer = context.channel.allocator.buffer(capacity: 256 + answer.body.count)
        buffer.writeAnswer(answer, date: HTTPDate.text(of: intake.clock.now()))
        encoder.writeAndFlush(NIOAny(buffer), promise: nil)
        connection.answered()
        goOn(context)
    }
}
