import Events
package import Hummingbird
import HummingbirdCore
package import Logging
import NIOCore
import NIOHTTP1
import NIOHTTPTypes
import NIOHTTPTypesHTTP1

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

/// Sets up each connection of the ingest API.
///
/// Plain requests with events are answered on the connection's own event loop; every other request
/// goes to the router, in the order in which they came.
private struct EventsChannel: ServerChildChannel, HTTPChannelHandler {
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
                    intake: intake, idle: TimeAmount(limits.idle),
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
