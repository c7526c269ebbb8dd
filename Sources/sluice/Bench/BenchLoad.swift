import Events
import Glibc

/// Sends events over a number of connections for a while, and measures the answers.
struct BenchLoad {
    var port: UInt16
    var connections = 64
    /// Events a request.
    var batch = 1
    /// Events a second; nil for as many as are answered.
    var perSecond: Int?
    var seconds: Double

    struct Result: Sendable {
        var events = 0
        var failures = 0
        var seconds = 0.0
        /// Nanoseconds to each answer, sorted.
        var latencies: [UInt64] = []
        /// The moment at which each numbered event was sent.
        var sentAt: [UInt64] = []

        var perSecond: Double { Double(events) / max(seconds, 0.001) }
    }

    private final class Client {
        let socket: LoopbackSocket
        var output: [UInt8] = []
        var sent = 0
        var input: [UInt8] = []
        var startedAt: UInt64 = 0
        var isBusy = false

        init(_ socket: LoopbackSocket) { self.socket = socket }

        func push() { sent += socket.write(output[sent...]) }
    }

    /// The write key of the measured server.
    static let key = "bench-key"

    /// Runs on the thread that calls it.
    ///
    /// - Parameter first: the number of the first event, so that no event is a repeat.
    func run(first: Int, run: UInt32) throws -> Result {
        let clients = try (0..<connections).map { _ in
            Client(try LoopbackSocket(connectingTo: port))
        }
        defer { for client in clients { client.socket.close() } }
        var polls = clients.map { pollfd(fd: $0.socket.descriptor, events: 0, revents: 0) }
        var result = Result()
        var event = BenchEvent(run: run, isTracked: perSecond != nil)
        var chunk = [UInt8](repeating: 0, count: 16 << 10)
        var number = first
        let begin = benchClock()
        let end = begin + UInt64(seconds * 1e9)
        while true {
            let now = benchClock()
            let isOver = now >= end
            if isOver, !clients.contains(where: \.isBusy) { break }
            if now > end + 30_000_000_000 { break }
            for client in clients where !client.isBusy && !isOver {
                guard isDue(number - first, now - begin) else { break }
                fill(client, with: &event, from: &number)
                client.startedAt = benchClock()
                if perSecond != nil { result.sentAt.append(client.startedAt) }
                client.push()
            }
            for index in polls.indices {
                let wants = clients[index].sent < clients[index].output.count ? POLLOUT : 0
                polls[index].events = Int16(POLLIN | wants)
            }
            guard poll(&polls, nfds_t(polls.count), perSecond == nil ? 100 : 1) > 0 else {
                continue
            }
            for index in polls.indices where polls[index].revents != 0 {
                try readAnswer(of: clients[index], into: &result, by: &chunk)
            }
        }
        result.seconds = Double(benchClock() - begin) / 1e9
        result.latencies.sort()
        return result
    }

    /// True when so many events may have been sent by now.
    private func isDue(_ sent: Int, _ nanoseconds: UInt64) -> Bool {
        guard let perSecond else { return true }
        return Double(sent) <= Double(nanoseconds) * Double(perSecond) / 1e9
    }

    private func fill(_ client: Client, with event: inout BenchEvent, from number: inout Int) {
        let isBatch = batch > 1
        let count = isBatch ? batch * (event.bytes.count + 1) + 11 : event.bytes.count
        client.output.removeAll(keepingCapacity: true)
        client.output += Array(
            """
            POST /v1/\(isBatch ? "batch" : "track") HTTP/1.1\r\nHost: 127.0.0.1\r\n\
            Authorization: Bearer \(Self.key)\r\nContent-Type: application/json\r\n\
            Content-Length: \(count)\r\n\r\n
            """.utf8)
        if isBatch { client.output += Array("{\"batch\":[".utf8) }
        for index in 0..<batch {
            if index > 0 { client.output.append(UInt8(ascii: ",")) }
            event.number(number)
            client.output += event.bytes
            number += 1
        }
        if isBatch { client.output += Array("]}".utf8) }
        client.sent = 0
        client.isBusy = true
    }

    private func readAnswer(
        of client: Client, into result: inout Result, by chunk: inout [UInt8]
    ) throws {
        if client.sent < client.output.count { client.push() }
        guard client.socket.read(into: &client.input, by: &chunk) else {
            throw Problem(
                code: "bench", message: "The server closed a connection.",
                hint: "Run it again; if it happens again, report it.")
        }
        guard let message = HTTPMessage(client.input) else { return }
        result.latencies.append(benchClock() - client.startedAt)
        if HTTPMessage.status(client.input) == 200 {
            result.events += batch
        } else {
            result.failures += 1
        }
        client.input.removeFirst(message.count)
        client.isBusy = false
    }
}

extension [UInt64] {
    /// A quantile of sorted nanoseconds, in milliseconds.
    func quantile(_ part: Double) -> Double {
        guard !isEmpty else { return 0 }
        return Double(self[Swift.min(count - 1, Int(Double(count) * part))]) / 1e6
    }
}
