import Deliver
import Events
import JSON
import Log
import SQLiteStore
import SluiceTesting
import Testing

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

@testable import sluice

/// A receiver that keeps what it got and answers as it is told.
private final class Receiver: Sendable {
    let got = Locked<[String]>([])
    private let server: RawServer

    /// - Parameter answer: for the number of the request, from 1; nil closes the connection.
    init(_ answer: @escaping @Sendable (Int) -> String?) throws {
        let got = got
        server = try RawServer { connection in
            while let request = connection.readRequest() {
                let count = got.withLock { got in
                    got.append(request)
                    return got.count
                }
                guard let answer = answer(count) else { return }
                connection.write(answer)
            }
        }
    }

    var url: String { String(server.url.dropLast()) }
}

private let good = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
private let unwell = "HTTP/1.1 503 Oh\r\nContent-Length: 2\r\n\r\n{}"

@Suite struct `A delivery that is tried again` {
    private func pipeline(_ base: String, source: String, in folder: TemporaryFolder) throws
        -> String
    {
        let next = try folder.write(
            """
            {"allow_private": "127.0.0.0/8",
             "sources": {"backend": {"kind": "server", "keys": ["key"]}},
             "destinations": {"vero": {"blueprint": "\(Fixtures.root)/Blueprints/vero.json",
               "parameters": {"auth_token": "t", "base_url": "\(base)", "source": "\(source)"}}}}
            """, to: "next.json")
        rename(next, folder.path + "/pipeline.json")
        return folder.path + "/pipeline.json"
    }

    private func send(_ number: Int, to server: ServerProcess) async throws -> DeliveryID {
        let sender = Sender(server: server.url, key: "key")
        defer { sender.close() }
        let answer = try await sender.send(
            Array(
                """
                {"event":"Product Viewed","userId":"u-\(number)","properties":{"product_id":"p"}}
                """.utf8), name: "event")
        let id = try JSONReader.read(answer.body).root["id"]?.string.flatMap { EventID($0) }
        return DeliveryID(event: try #require(id), destination: "vero")
    }

    @Test func `after its address changed is sent whole anew, and the log shows both`() async throws
    {
        let folder = try TemporaryFolder()
        let old = try Receiver { _ in unwell }
        let new = try Receiver { _ in good }
        let config = try pipeline(old.url, source: "before", in: folder)
        let data = folder.path + "/data"
        let server = try await ServerProcess(data: data, environment: [:], config: config)
        let id = try await send(1, to: server)
        let log = try SQLiteLog(directory: data)
        _ = try await eventually("the first attempt to end") {
            try log.detail(id)?.attempts.first?.attempt.status
        }
        _ = try pipeline(new.url, source: "after", in: folder)
        server.hangUp()
        let detail = try await eventually("it to be delivered") {
            try log.detail(id).flatMap { $0.row.state == .delivered ? $0 : nil }
        }
        #expect(detail.requests[0].url.text == new.url + "/events/track")
        #expect(detail.requests[0].body.text.contains("\"after\""))
        let first = try #require(detail.earlierRequest(of: detail.attempts[0]))
        #expect(
            first.url.text == old.url + "/events/track" && first.body.text.contains("\"before\""))
        #expect(detail.earlierRequest(of: try #require(detail.attempts.last)) == nil)
        let sent = (old.got.withLock { $0 }, new.got.withLock { $0 })
        #expect(sent.0.allSatisfy { $0.contains("\"before\"") && !$0.contains("\"after\"") })
        #expect(sent.1.count == 1 && sent.1[0].contains("\"after\""))
        #expect(sent.0.count + sent.1.count == detail.attempts.count)
        let shown = try await Program.run(["delivery", id.text, "--data", data])
        #expect(shown.output.contains("  Sent: POST \(old.url)/events/track"), "\(shown.output)")
        #expect(try await server.terminate() == 0)
    }

    @Test func `because a kept connection had ended goes at once, and is counted`() async throws {
        let folder = try TemporaryFolder()
        // The second request of all is read, and the connection closed upon it.
        let receiver = try Receiver { $0 == 2 ? nil : good }
        let config = try pipeline(receiver.url, source: "s", in: folder)
        let data = folder.path + "/data"
        let server = try await ServerProcess(data: data, environment: [:], config: config)
        let log = try SQLiteLog(directory: data)
        // Two events of one person: the second follows the first over its connection.
        let sender = Sender(server: server.url, key: "key")
        defer { sender.close() }
        let event = #"{"type":"track","event":"Product Viewed","userId":"u"}"#
        _ = try await sender.send(Array("{\"batch\":[\(event),\(event)]}".utf8), name: "batch")
        _ = try await eventually("both to be delivered") {
            let found = try log.destinations().first
            return found?.waiting == 0 && receiver.got.withLock { $0.count } >= 3 ? true : nil
        }
        let details = try log.deliveries(.init(since: Timestamp(milliseconds: 0), limit: 9))
            .compactMap { try log.detail($0.id) }
        let attempts = details.flatMap(\.attempts)
        #expect(receiver.got.withLock { $0.count } == 3 && attempts.count == 3)
        let pair = try #require(details.first { $0.attempts.count == 2 }).attempts.map(\.attempt)
        #expect(pair[0].note?.contains("kept from before") == true, "\(pair[0].note ?? "")")
        let pause = pair[1].startedAt.since(pair[0].startedAt)
        #expect(pause < .milliseconds(2_400), "the schedule would wait 2.4 s or more")
        #expect(try await server.terminate() == 0)
    }
}
