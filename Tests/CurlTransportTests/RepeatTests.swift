import CurlTransport
import Events
import Request
import SluiceTesting
import Testing

@Suite struct `A connection that was kept` {
    /// Sends until the server has closed a kept connection on a request; gives what came of it.
    private func died(_ transport: CurlTransport, _ url: String) async -> TransportResult {
        let request = OutgoingRequest(
            method: "POST", url: url, headers: [], body: Array("{}".utf8),
            options: options { $0.totalTimeout = .seconds(10) })
        // The second follows on the transport's own thread: a test that waits for its turn between
        // the two would outlast the kept connection.
        return await withCheckedContinuation { continuation in
            transport.send(request) { _ in
                transport.send(request) { continuation.resume(returning: $0) }
            }
        }
    }

    @Test func `and ends before an answer is not tried again in secret`() async throws {
        let got = Locked(0)
        let server = try RawServer { connection in
            while connection.readRequest() != nil {
                // The second request of all is taken, and the connection closed upon it.
                if got.withLock({
                    $0 += 1; return $0 == 2
                }) {
                    return
                }
                connection.write(ok)
            }
        }
        let transport = CurlTransport()
        defer { transport.close() }
        let failure = await died(transport, server.url).failure
        #expect(failure?.kind == .staleConnection && failure?.maybeSent == true)
        #expect(got.withLock { $0 } == 2, "each sending is an attempt that is known")
    }

    @Test func `is not used when a new one is asked for`() async throws {
        let connections = Locked(0)
        let server = try RawServer { connection in
            connections.withLock { $0 += 1 }
            while connection.readRequest() != nil { connection.write(ok) }
        }
        let transport = CurlTransport()
        defer { transport.close() }
        var request = OutgoingRequest(
            method: "POST", url: server.url, headers: [], body: [], options: options())
        _ = await transport.exchange(request)
        request.usesNewConnection = true
        #expect(await transport.exchange(request).answer?.status == 200)
        #expect(connections.withLock { $0 } == 2)
    }
}
