import CurlTransport
import Events
import Request
import SluiceTesting
import Testing

let ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"

@Suite struct `A request` {
    @Test func `arrives as it was made, and its answer comes back`() async throws {
        let seen = Locked("")
        let server = try RawServer { connection in
            let request = connection.readRequest() ?? ""
            seen.withLock { $0 = request }
            connection.write(
                "HTTP/1.1 201 Created\r\nRetry-After: 9\r\nContent-Length: 5\r\n\r\nhello")
        }
        let result = await post(server.url + "x?y=1", body: "{\"a\":1.10}", method: "PUT")
        #expect(
            result.answer == .init(status: 201, retryAfter: .seconds(9), body: Array("hello".utf8)))
        let request = seen.withLock { $0 }
        #expect(request.hasPrefix("PUT /x?y=1 HTTP/1.1\r\n"))
        #expect(request.hasSuffix("\r\n\r\n{\"a\":1.10}"))
        #expect(request.contains("Content-Type: application/json"))
        #expect(!request.lowercased().contains("accept-encoding"))
        #expect(!request.lowercased().contains("expect:"))
    }

    @Test func `uses a connection again`() async throws {
        let connections = Locked(0)
        let server = try RawServer { connection in
            connections.withLock { $0 += 1 }
            while connection.readRequest() != nil { connection.write(ok) }
        }
        let transport = CurlTransport()
        defer { transport.close() }
        let request = OutgoingRequest(
            method: "POST", url: server.url, headers: [], body: [], options: options())
        let statuses = Locked<[Int?]>([])
        // Each follows on the transport's own thread: a test that waits for its turn between two of
        // them would outlast an idle connection.
        await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
            @Sendable func exchange(_ left: Int) {
                guard left > 0 else { return continuation.resume() }
                transport.send(request) { result in
                    statuses.withLock { $0.append(result.answer?.status) }
                    exchange(left - 1)
                }
            }
            exchange(20)
        }
        #expect(statuses.withLock { $0 } == Array(repeating: 200, count: 20))
        #expect(connections.withLock { $0 } == 1)
    }

    @Test func `takes nothing over from the one before it`() async throws {
        let seen = Locked<[String]>([])
        let server = try RawServer { connection in
            while let request = connection.readRequest() {
                seen.withLock { $0.append(request) }
                connection.write(ok)
            }
        }
        let transport = CurlTransport()
        defer { transport.close() }
        func exchange(_ url: String, _ headers: [String], bytes: Int) async -> TransportResult {
            let body = [UInt8](repeating: UInt8(ascii: " "), count: bytes)
            return await transport.exchange(
                OutgoingRequest(
                    method: "POST", url: url, headers: headers, body: body,
                    options: options { $0.totalTimeout = .seconds(20) }))
        }
        _ = await exchange(server.url + "a/../b?c=1", ["X-One: 1"], bytes: 2)
        _ = await exchange(server.url + "large", ["X-Two: 2"], bytes: 2 << 20)
        #expect(await exchange("not a url", [], bytes: 0).failure?.kind == .invalidAddress)
        _ = await exchange(server.url + "d", ["user-agent: mine"], bytes: 2)
        let heads = seen.withLock { requests in
            requests.map { $0.split(separator: "\r\n\r\n")[0].lowercased() }
        }
        try #require(heads.count == 3)
        #expect(heads[0].hasPrefix("post /a/../b?c=1 ") && heads[0].contains("x-one: 1"))
        #expect(heads[1].hasPrefix("post /large ") && !heads[1].contains("x-one"))
        #expect(heads[2].hasPrefix("post /d ") && !heads[2].contains("x-two"))
        #expect(heads.map { $0.contains("expect:") } == [false, false, false])
        let agents = heads.map { head in
            head.split(separator: "\r\n").filter { $0.hasPrefix("user-agent:") }
        }
        #expect(
            agents == [
                ["user-agent: sluice/0.1"], ["user-agent: sluice/0.1"], ["user-agent: mine"],
            ])
    }

    @Test func `runs beside many others, each with its own answer`() async throws {
        let server = try RawServer { connection in
            while let request = connection.readRequest() {
                let body = request.split(separator: "\r\n\r\n").last ?? ""
                connection.write(
                    "HTTP/1.1 200 OK\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)")
            }
        }
        let transport = CurlTransport()
        let url = server.url
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<64 {
                group.addTask {
                    let request = OutgoingRequest(
                        method: "POST", url: url, headers: [], body: Array("n\(number)".utf8),
                        options: options { $0.totalTimeout = .seconds(10) })
                    let result = await transport.exchange(request)
                    #expect(result.answer?.body == Array("n\(number)".utf8))
                }
            }
        }
        transport.close()
    }

    @Test func `never follows a redirect`() async throws {
        let server = try RawServer.answering(
            "HTTP/1.1 307 Temporary Redirect\r\nLocation: http://169.254.169.254/latest?x=1\r\nContent-Length: 0\r\n\r\n"
        )
        let answer = await post(server.url).answer
        #expect(answer?.status == 307 && answer?.location == "169.254.169.254")
    }

    @Test(arguments: [
        ("https://jane:secret@shop.example:8443/path?token=1#2", "shop.example:8443"),
        ("//shop.example/path", "shop.example"), ("/secret/path", "another path of the same host"),
        ("https://user:pass/word@shop.example/", "user:pass"),
    ])
    func `shows of a redirect the host and nothing else`(location: String, shown: String)
        async throws
    {
        let server = try RawServer.answering(
            "HTTP/1.1 302 Found\r\nLocation: \(location)\r\nContent-Length: 0\r\n\r\n")
        #expect(await post(server.url).answer?.location == shown)
    }
}

@Suite struct `A server that answers badly` {
    @Test func `has delivered once its 2xx header block is complete`() async throws {
        let cut = try RawServer { connection in
            _ = connection.readRequest()
            connection.write("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
        }
        let answer = await post(cut.url).answer
        #expect(answer?.status == 200 && answer?.note?.contains("not come to its end") == true)
        let slow = try RawServer { connection in
            _ = connection.readRequest()
            connection.write("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")
            connection.waitForClose()
        }
        #expect(await post(slow.url).answer?.status == 200)
    }

    @Test func `has not answered while its headers drip`() async throws {
        let server = try RawServer { connection in
            _ = connection.readRequest()
            connection.write("HTTP/1.1 200 OK\r\nX: y\r\n")
            connection.waitForClose()
        }
        let failure = await post(server.url).failure
        #expect(failure?.kind == .timeout && failure?.maybeSent == true)
    }

    @Test func `is cut off after 64 KiB of body, of which 16 are kept`() async throws {
        let server = try RawServer { connection in
            _ = connection.readRequest()
            connection.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            let chunk = "1000\r\n" + String(repeating: "x", count: 4096) + "\r\n"
            while connection.write(chunk) {}
        }
        let answer = await post(server.url, options { $0.totalTimeout = .seconds(10) }).answer
        #expect(answer?.status == 200 && answer?.body.count == 16 << 10)
        #expect(
            answer?.note
                == "The answer is longer than 64 KiB and was not read to its end. The answer had more; the first 16 KiB are kept."
        )
    }

    @Test func `that resets or says nothing may have taken the request`() async throws {
        let resetting = try RawServer { connection in
            _ = connection.readRequest()
            connection.reset()
        }
        let broken = await post(resetting.url).failure
        #expect(broken?.kind == .reset)
        #expect(broken?.message == "127.0.0.1:\(resetting.port) broke the connection off.")
        let silent = try RawServer { connection in _ = connection.readRequest() }
        let failure = await post(silent.url).failure
        #expect(failure?.kind == .noAnswer && failure?.maybeSent == true)
        #expect(
            failure?.message
                == "127.0.0.1:\(silent.port) closed the connection without an answer.")
    }

    @Test func `that ends within its headers is told`() async throws {
        let server = try RawServer { connection in
            _ = connection.readRequest()
            connection.write("HTTP/1.1 200 OK\r\nX: y\r\n")
        }
        let failure = await post(server.url).failure
        #expect(failure?.kind == .incompleteAnswer && failure?.maybeSent == true)
    }

    @Test func `of which the end is not kept, says so`() async throws {
        let text = String(repeating: "x", count: 20_000)
        let server = try RawServer.answering(
            "HTTP/1.1 400 Bad Request\r\nContent-Length: 20000\r\n\r\n\(text)")
        let answer = await post(server.url).answer
        #expect(answer?.body.count == 16 << 10)
        #expect(answer?.note == "The answer had more; the first 16 KiB are kept.")
    }

    @Test func `that speaks no HTTP is told apart`() async throws {
        let server = try RawServer.answering("\u{1}\u{2}garbage\r\n\r\n")
        let failure = await post(server.url).failure
        #expect(failure?.kind == .protocolError)
        #expect(
            failure?.message
                == "127.0.0.1:\(server.port) answered something that is not HTTP.")
    }

    @Test func `in one endless header is stopped`() async throws {
        let server = try RawServer { connection in
            _ = connection.readRequest()
            connection.write("HTTP/1.1 200 OK\r\nX: ")
            while connection.write(String(repeating: "y", count: 60_000)) {}
        }
        let failure = await post(server.url, options { $0.totalTimeout = .seconds(10) }).failure
        #expect(failure?.kind == .headersTooLong, "\(failure?.message ?? "")")
    }

    @Test func `that bombs with headers is stopped`() async throws {
        let server = try RawServer { connection in
            _ = connection.readRequest()
            connection.write("HTTP/1.1 200 OK\r\n")
            let header = "X: " + String(repeating: "y", count: 60_000) + "\r\n"
            while connection.write(header) {}
        }
        #expect(
            await post(server.url, options { $0.totalTimeout = .seconds(10) }).failure?.kind
                == .headersTooLong)
    }
}

@Suite struct `The transport` {
    @Test func `ends what is open when it is closed, and takes nothing more`() async throws {
        let server = try RawServer { connection in
            _ = connection.readRequest()
            connection.waitForClose()
        }
        let transport = CurlTransport()
        let ended = Locked<TransportResult?>(nil)
        let request = OutgoingRequest(
            method: "POST", url: server.url, headers: [], body: [],
            options: options { $0.totalTimeout = .seconds(60) })
        transport.send(request) { result in ended.withLock { $0 = result } }
        transport.close()
        #expect(ended.withLock { $0 }?.failure?.kind == .cancelled)
        #expect(await transport.exchange(request).failure?.kind == .cancelled)
    }
}
