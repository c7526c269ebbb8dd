import CurlTransport
import Deliver
import Events
import JSON
import Request
import SluiceTesting
import Testing

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

@testable import SQLiteStore

/// How much is broken: nothing in an ordinary test run, a little in CI, all of it in the long run.
enum Extent: String {
    case off, short, full

    static let now =
        Extent(rawValue: environmentVariable("SLUICE_FAULTS") ?? "off") ?? .off

    /// A number of rounds.
    static func rounds(short: Int, full: Int) -> Int { now == .full ? full : short }
}

/// Says once in a line what was found, for the table of the long run.
func report(_ line: String) {
    writeToStandardError("faults: \(line)")
}

/// Why these tests cannot run here; nil when they can.
func missing(_ tools: [String], root: Bool) -> String? {
    if root, getuid() != 0 { return "they need root" }
    let absent = tools.filter { tool in
        !["/usr/bin/", "/usr/sbin/", "/bin/", "/sbin/"].contains { access($0 + tool, X_OK) == 0 }
    }
    if !absent.isEmpty { return "missing: \(absent.joined(separator: ", "))" }
    return root && !canMount ? "mounting is not allowed here" : nil
}

/// True when a file can be mounted as a disk; a container's root often may not.
private let canMount =
    system(
        """
        PATH=/usr/sbin:/sbin:$PATH; d=$(mktemp -d) && truncate -s 8M $d/image \
        && mkfs.ext4 -q $d/image && mkdir $d/disk && mount -o loop $d/image $d/disk 2>/dev/null \
        && umount $d/disk; code=$?; rm -rf $d; exit $code
        """) == 0

/// A destination that keeps count of what it got, and can be told to be wrong.
final class Sink: Sendable {
    struct State {
        /// How often each message id came, in order of first arrival by user.
        var got: [String: Int] = [:]
        var order: [String: [Int]] = [:]
        var status = 200
        /// Connections are taken and never answered.
        var hangs = false
        /// A message id that is refused with 403, as a firewall does for what is in it.
        var poison: String?
    }
    let state = Locked(State())
    private let server: Locked<RawServer?> = Locked(nil)

    var url: String { server.withLock { $0?.url ?? "" } }

    init() throws {
        let state = state
        let made = try RawServer { connection in
            while let request = connection.readRequest() {
                let now = state.withLock { ($0.status, $0.hangs) }
                if now.1 {
                    connection.waitForClose()
                    return
                }
                let poison = state.withLock(\.poison)
                let isRefused = poison.map { request.contains("\"\($0)\"") } ?? false
                let status = isRefused ? 403 : now.0
                if status == 200 { Self.count(request, state) }
                connection.write(
                    "HTTP/1.1 \(status) X\r\nContent-Length: 2\r\n\r\n{}")
            }
        }
        server.withLock { $0 = made }
    }

    private static func count(_ request: String, _ state: Locked<State>) {
        guard let end = request.firstRange(of: "\r\n\r\n"),
            let body = try? JSONReader.read(text: String(request[end.upperBound...])).root,
            let id = body["message_id"]?.string, let user = body["user_id"]?.string
        else { return }
        let number = body["properties"]?["n"]?.integer ?? 0
        state.withLock { state in
            state.got[id, default: 0] += 1
            if state.got[id] == 1 { state.order[user, default: []].append(number) }
        }
    }
}

/// Senders that go on until they are told to stop, and remember what was answered 200.
final class Load: Sendable {
    private struct State {
        var acknowledged: Set<String> = []
        var next = 0
        var isStopped = false
    }
    private let state = Locked(State())
    let transport = CurlTransport()

    var acknowledged: Set<String> { state.withLock(\.acknowledged) }

    func stop() { state.withLock { $0.isStopped = true } }

    /// Sends from so many connections, one event after the other, until stopped or refused.
    func run(to url: String, connections: Int = 16, atMost limit: Int = .max) async {
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<connections {
                group.addTask { [self] in
                    while let number = take(limit) {
                        guard await post(number, to: url) == 200 else { return }
                        state.withLock { _ = $0.acknowledged.insert("m-\(number)") }
                    }
                }
            }
        }
    }

    private func take(_ limit: Int) -> Int? {
        state.withLock { state in
            guard !state.isStopped, state.next < limit else { return nil }
            state.next += 1
            return state.next
        }
    }

    /// The answer's status; nil when none came.
    func post(_ number: Int, to url: String) async -> Int? {
        let event = """
            {"event":"Signed Up","userId":"u-\(number % 500)","messageId":"m-\(number)",
             "properties":{"n":\(number)}}
            """
        var options = TransportOptions()
        options.allowedNetworks = ["127.0.0.0/8"]
        let result = await transport.exchange(
            OutgoingRequest(
                method: "POST", url: url + "/v1/track", headers: ["Authorization: Bearer key"],
                body: Array(event.utf8), options: options))
        if case .answer(let answer) = result { return answer.status }
        return nil
    }
}

/// A pipeline that sends every event to sinks.
func pipeline(in folder: TemporaryFolder, to sinks: [String: String], more: String = "") throws
    -> String
{
    let destinations = sinks.sorted { $0.key < $1.key }.map { name, url in
        """
        "\(name)": {"blueprint": "\(Fixtures.root)/Blueprints/webhook.json",
          "parameters": {"url": "\(url)"}, "limits": {"total_timeout": 5}}
        """
    }
    return try folder.write(
        """
        {"allow_private": "127.0.0.0/8", \(more)
         "sources": {"backend": {"kind": "server", "keys": ["key"]}},
         "destinations": {\(destinations.joined(separator: ","))}}
        """, to: "pipeline.json")
}

/// The ledger of a store: how many events and deliveries there are, by state.
struct Ledger {
    var messages: Set<String> = []
    var states: [String: Int] = [:]
    var attempts = 0

    init(_ directory: String) throws {
        let connection = try Connection(
            path: directory + "/sluice.db", mode: .readOnly, busyTimeout: .seconds(10))
        let events = try connection.prepare("SELECT message_id FROM events")
        while try events.step() { messages.insert(events.text(0) ?? "") }
        let tried = try connection.prepare("SELECT count(*) FROM attempts")
        while try tried.step() { attempts = tried.int(0) }
        let deliveries = try connection.prepare(
            "SELECT state, count(*) FROM deliveries GROUP BY state")
        while try deliveries.step() { states[deliveries.text(0) ?? ""] = deliveries.int(1) }
    }

    var total: Int { states.values.reduce(0, +) }
    var waiting: Int { ["queued", "sending", "retrying"].reduce(0) { $0 + (states[$1] ?? 0) } }
}

/// Runs a command line as root would; throws what it said when it failed.
func shell(_ command: String) async throws {
    let result = try await Program.run(
        ["-c", "PATH=/usr/sbin:/sbin:$PATH; " + command], program: "/bin/sh", folder: "/")
    guard result.code == 0 else { throw TestFailure("\(command): \(result.errors)") }
}
