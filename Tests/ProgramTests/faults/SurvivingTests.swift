import CurlTransport
import Deliver
import Events
import JSON
import Log
import Request
import SQLiteStore
import SluiceTesting
import Testing

@testable import sluice

@Suite struct `A program that is ended the hard way` {
    @Test func `keeps every event it answered 2xx for, and repeats carry the same message id`()
        async throws
    {
        let folder = try TemporaryFolder()
        try await withVero { vero, environment in
            let data = folder.path + "/data"
            let first = try await ServerProcess(data: data, environment: environment)
            let acknowledged = Locked<Set<String>>([])
            let url = first.url
            let sending = Task { await Self.send(2_000, to: url, acknowledged) }
            _ = try await eventually("enough events to be under way") {
                acknowledged.withLock { $0.count } >= 600 ? true : nil
            }
            try await first.kill()
            await sending.value
            let stored = acknowledged.withLock { $0 }
            #expect(stored.count >= 600 && stored.count < 2_000, "it was in the middle")

            let second = try await ServerProcess(data: data, environment: environment)
            let log = try SQLiteLog(directory: data)
            _ = try await eventually("the rest to be delivered") {
                try log.destinations()[0].waiting == 0 ? true : nil
            }
            let delivered = Set(vero.ledger.compactMap(Self.user))
            #expect(stored.subtracting(delivered).isEmpty, "every acknowledged event arrived")
            #expect(try await second.terminate() == 0)
            // What arrived twice is the same request, byte for byte.
            let bodies = Dictionary(grouping: vero.ledger.compactMap(Self.body), by: { $0 })
            let people = Dictionary(grouping: bodies.keys, by: { $0.prefix(120) })
            #expect(people.count == bodies.count)
        }
    }

    @Test func `finishes what is in flight when it is asked to stop, and exits 0`() async throws {
        let folder = try TemporaryFolder()
        try await withVero(rules: ["slow:1s"]) { vero, environment in
            let data = folder.path + "/data"
            let server = try await ServerProcess(data: data, environment: environment)
            let acknowledged = Locked<Set<String>>([])
            await Self.send(100, to: server.url, acknowledged)
            #expect(acknowledged.withLock { $0.count } == 100)
            _ = try await eventually("the first to be answered, others in flight") {
                vero.ledger.isEmpty ? nil : true
            }
            #expect(try await server.terminate() == 0)
            let log = try SQLiteLog(directory: data)
            let rows = try log.deliveries(
                DeliveryFilter(since: Timestamp(milliseconds: 0), limit: 999))
            let states = Dictionary(grouping: rows, by: \.state).mapValues(\.count)
            #expect(states[.sending] == nil, "nothing is left open: \(states)")
            #expect(states[.delivered] ?? 0 >= 64, "what was in flight was finished: \(states)")
            #expect(states[.delivered] == vero.ledger.count, "and nothing was sent twice")
            #expect(rows.count == 100)
        }
    }

    @Test func `refuses a second server on the same data`() async throws {
        let folder = try TemporaryFolder()
        try await withVero { _, environment in
            let data = folder.path + "/data"
            let server = try await ServerProcess(data: data, environment: environment)
            let second = try await Program.run(
                [
                    "serve", "--config", "pipeline.example.json", "--data", data, "--listen",
                    "127.0.0.1:0",
                ],
                environment: environment)
            #expect(second.code == 1 && second.errors.contains("Another sluice works on"))
            #expect(try await server.terminate() == 0)
        }
    }

    /// The stand-in, and the environment that makes a server use it.
    private func withVero(
        rules: [String] = [],
        _ body: @escaping @Sendable (MockVero, [String: String]) async throws -> Void
    ) async throws {
        let vero = try MockVero(rules: rules.compactMap { FaultRule($0) })
        try await withMockVero(vero, logger: makeLogger()) { address in
            try await body(
                vero,
                [
                    "SLUICE_WRITE_KEY": "write-key", "VERO_AUTH_TOKEN": "token",
                    "VERO_BASE_URL": "http://\(address)/api/v2",
                    "SLUICE_ALLOW_PRIVATE": "127.0.0.0/8",
                ])
        }
    }

    /// Sends one event per user from several connections; remembers who was answered 200.
    private static func send(
        _ count: Int, to url: String, _ acknowledged: Locked<Set<String>>
    ) async {
        let transport = CurlTransport()
        defer { transport.close() }
        await withTaskGroup(of: Void.self) { group in
            for lane in 0..<16 {
                group.addTask {
                    for number in stride(from: lane, to: count, by: 16) {
                        guard await post(number, to: url, transport) else { return }
                        acknowledged.withLock { _ = $0.insert("user-\(number)") }
                    }
                }
            }
        }
    }

    private static func post(_ number: Int, to url: String, _ transport: CurlTransport) async
        -> Bool
    {
        let event = """
            {"event":"Signed Up","userId":"user-\(number)","messageId":"message-\(number)",
             "timestamp":"2026-06-06T10:15:30Z","context":{"consent":{"marketing":true}},
             "properties":{"plan":"message-\(number)"}}
            """
        var options = TransportOptions()
        options.allowedNetworks = ["127.0.0.0/8"]
        let result = await transport.exchange(
            OutgoingRequest(
                method: "POST", url: url + "/v1/track",
                headers: ["Authorization: Bearer write-key"],
                body: Array(event.utf8), options: options))
        if case .answer(let answer) = result { return answer.status == 200 }
        return false
    }

    private static func body(_ line: String) -> String? {
        (try? JSONReader.read(text: line))?.root["body"].map {
            String(decoding: $0.raw, as: UTF8.self)
        }
    }

    private static func user(_ line: String) -> String? {
        (try? JSONReader.read(text: line))?.root["body"]?["identity"]?["id"]?.string
    }
}
