import Events
package import Hummingbird
package import HummingbirdCore
package import Logging
import NIOCore

/// Limits of an HTTP server, set by us and not left to a library's defaults.
package struct HTTPLimits: Sendable {
    /// Bytes of one header field, name and value together.
    package var headerFieldBytes = 16 << 10
    /// Bytes of all header fields of a request.
    package var headerListBytes = 32 << 10
    /// Header fields of a request.
    package var headerCount = 100
    /// The time that a connection may be idle before it is closed.
    package var idle = Duration.seconds(75)
    /// Connections that may wait to be accepted.
    package var backlog = 1_024

    /// The limits the program runs with.
    package init() {}
}

/// The address a server listens on: a TCP port or a Unix socket.
package enum ListenAddress: Sendable, Equatable, CustomStringConvertible {
    case tcp(host: String, port: Int)
    case unix(path: String)

    /// Reads a TCP address: `host:port`, `[::1]:port` or `:port`.
    package init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":"),
            let port = Int(text[text.index(after: colon)...]), (0...65_535).contains(port)
        else { return nil }
        let host = text[..<colon].filter { $0 != "[" && $0 != "]" }
        self = .tcp(host: host.isEmpty ? "127.0.0.1" : String(host), port: port)
    }

    /// The address as it is written in `pipeline.json` and printed at the start.
    package var description: String {
        switch self {
        case .tcp(let host, let port): "\(host.contains(":") ? "[\(host)]" : host):\(port)"
        case .unix(let path): path
        }
    }
}

/// Builds an HTTP server for a router.
///
/// - Parameter onListening: gets the address it really listens on, with the port it was given.
package func makeServer<Context: RequestContext>(
    _ router: Router<Context>, listen: ListenAddress, logger: Logger,
    limits: HTTPLimits = HTTPLimits(), server: HTTPServerBuilder? = nil,
    onListening: @escaping @Sendable (ListenAddress) async -> Void = { _ in }
) -> some ApplicationProtocol
where Context: InitializableFromSource<ApplicationRequestContextSource> {
    let address: BindAddress =
        switch listen {
        case .tcp(let host, let port): .hostname(host, port: port)
        case .unix(let path): .unixDomainSocket(path: path)
        }
    return Application(
        router: router,
        server: server
            ?? .http1(
                configuration: .init(
                    idleTimeout: TimeAmount(limits.idle),
                    httpDecoderConfiguration: .init(
                        maxHeaderFieldSize: limits.headerFieldBytes,
                        maxHeaderListSize: limits.headerListBytes,
                        maxHeaderFieldCount: limits.headerCount))),
        configuration: .init(address: address, serverName: "sluice", backlog: limits.backlog),
        onServerRunning: { channel in
            var real = listen
            if case .tcp(let host, _) = listen, let port = channel.localAddress?.port {
                real = .tcp(host: host, port: port)
            }
            await onListening(real)
        }, logger: logger)
}
