import CurlTransport
import Events
import Request
import SluiceTesting
import Testing

@Suite struct `A proxy` {
    private func through(_ proxy: String, to url: String) async -> TransportResult {
        let some = options {
            $0.totalTimeout = .seconds(10)
            $0.surroundings = Surroundings(
                proxy: .init(url: proxy, user: "jane", password: "secret"))
        }
        let transport = CurlTransport()
        defer { transport.close() }
        return await transport.exchange(
            OutgoingRequest(
                method: "POST", url: url, headers: ["Authorization: Bearer mine"],
                body: Array("{}".utf8), options: some))
    }

    @Test func `gives a tunnel, and sees neither the request nor its headers`() async throws {
        let seen = Locked<[String]>([])
        // Behind the tunnel the same server plays the destination.
        let server = try RawServer { connection in
            while let request = connection.readRequest() {
                seen.withLock { $0.append(request) }
                connection.write(
                    request.hasPrefix("CONNECT ")
                        ? "HTTP/1.1 200 Connection established\r\n\r\n" : ok)
            }
        }
        let result = await through(server.url.trimmed, to: "http://127.0.0.1:9/path")
        #expect(result.answer?.status == 200, "\(result)")
        let requests = seen.withLock { $0 }
        try #require(requests.count == 2)
        #expect(requests[0].hasPrefix("CONNECT 127.0.0.1:9 HTTP/1.1\r\n"))
        #expect(requests[0].contains("Proxy-Authorization: Basic amFuZTpzZWNyZXQ="))
        #expect(!requests[0].contains("Bearer mine"))
        #expect(requests[1].hasPrefix("POST /path HTTP/1.1\r\n"))
        #expect(!requests[1].contains("Proxy-Authorization"))
    }

    @Test(arguments: [
        (
            "HTTP/1.1 407 Who\r\nContent-Length: 0\r\n\r\n",
            TransportResult.Failure.Kind.proxyCredentials
        ),
        ("HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n", .proxyRefused), ("", .proxy),
    ])
    func `that gives none is told apart from the destination`(
        answer: String, kind: TransportResult.Failure.Kind
    ) async throws {
        let server = try RawServer { connection in
            _ = connection.readRequest()
            connection.write(answer)
        }
        let failure = await through(server.url.trimmed, to: "https://shop.example/").failure
        #expect(failure?.kind == kind && failure?.maybeSent == false, "\(failure?.message ?? "")")
        #expect(failure?.message.contains("127.0.0.1:\(server.port)") == true)
    }

    @Test func `that nobody runs is told`() async throws {
        let port = try { try RawServer.answering(ok).port }()
        let failure = await through("http://127.0.0.1:\(port)", to: "https://shop.example/").failure
        #expect(
            failure?.message
                == "The proxy 127.0.0.1:\(port) cannot be reached: it refused the connection.")
    }

    @Test func `over TLS shows a certificate that counts`() async throws {
        let zoo = try await CertificateZoo.shared.value
        let server = try await TLSServer("good", of: zoo)
        let failure = await through(
            "https://localhost:\(server.port)", to: "https://shop.example/"
        ).failure
        #expect(
            failure?.message
                == "The proxy localhost:\(server.port) cannot be reached: its certificate was not accepted."
        )
    }

    @Test func `that gives a tunnel is not blamed for what is behind it`() async throws {
        // Behind the tunnel nobody speaks TLS.
        let server = try RawServer { connection in
            _ = connection.readRequest()
            connection.write("HTTP/1.1 200 OK\r\n\r\n220 mail.example\r\n")
            connection.waitForClose()
        }
        let failure = await through(server.url.trimmed, to: "https://shop.example/").failure
        #expect(failure?.message == "shop.example:443 does not speak TLS.")
    }

    @Test func `is itself at an address that must be allowed`() async throws {
        let failure = await through("http://10.255.255.1:3128", to: "https://shop.example/").failure
        #expect(failure?.kind == .blocked)
        #expect(failure?.message.contains("10.255.255.1:3128") == true)
    }

    @Test(arguments: [
        ("https://10.0.0.1/", TransportResult.Failure.Kind.blocked),
        ("http://shop.example/", .plainHTTP),
    ])
    func `is not asked for what may not be reached`(
        url: String, kind: TransportResult.Failure.Kind
    ) async throws {
        let connections = Locked(0)
        let server = try RawServer { _ in connections.withLock { $0 += 1 } }
        #expect(await through(server.url.trimmed, to: url).failure?.kind == kind)
        #expect(connections.withLock { $0 } == 0)
    }
}

extension String {
    /// The address without its last slash.
    fileprivate var trimmed: String { String(dropLast()) }
}
