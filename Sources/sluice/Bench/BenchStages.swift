import Request
import Accept
import CurlTransport
import Deliver
import Events
import FoundationEssentials
import JSON
import Map
import Pipeline
import Store

/// Each stage alone, in this process, one thread's work at a time.
struct BenchStages {
    let folder: String
    let blueprint: String
    let event: [UInt8]
    let seconds: Double

    private static let source = EventSource(name: "bench", trusted: true)

    /// The cost of reading an event from a request's body.
    func read() throws -> StageCost {
        let acceptor = Acceptor()
        return try measure { _ = try accept(event, acceptor) }
    }

    /// The cost of deciding which destinations an event goes to, about a person not known before.
    func decide() throws -> StageCost {
        let pipeline = try pipeline(blueprint, preset: "default")
        let event = try accept(event, Acceptor())
        return try measure {
            var people = MemoryPeople()
            _ = try pipeline.decide(event, pipeline.read(event), in: &people)
        }
    }

    /// The cost of mapping an event to the bytes of its request, secrets in place.
    func map() throws -> StageCost {
        try mapping(try destination(blueprint, preset: "default"), event)
    }

    /// The cost of mapping by a blueprint with many mappings, each of a property the event has.
    func mapMany(_ count: Int) throws -> StageCost {
        let file = folder + "/many.json"
        let names = (0..<count).map { "p\($0)" }
        let mappings = names.map { "\"data.\($0)\": \"properties.\($0)\"" }
        try """
        { "blueprint": "many", "version": 1, "title": "Many", "email": "raw",
          "parameters": { "auth_token": { "secret": true, "required": true },
            "base_url": { "default": "http://127.0.0.1" } },
          "requests": { "track": { "method": "POST", "url": "{base_url}/track",
            "require": { "any": ["id"] }, "mappings": { "id": "identity.user_id" } } },
          "presets": { "default": { "defaults": { "action": "drop" }, "events": { "Many": {
            "request": "track", "vendor_event_name": "Many",
            "mappings": { \(mappings.joined(separator: ", ")) } } } } } }
        """.write(toFile: file, atomically: false, encoding: .utf8)
        let properties = names.map { "\"\($0)\":\"a value of \($0)\"" }.joined(separator: ",")
        let text = "{\"event\":\"Many\",\"userId\":\"1\",\"properties\":{\(properties)}}"
        return try mapping(try destination(file, preset: "default"), Array(text.utf8))
    }

    private func mapping(_ destination: Destination, _ bytes: [UInt8]) throws -> StageCost {
        let event = try accept(bytes, Acceptor())
        let identity = Identity(
            userID: event.userID, email: event.trait("email")?.string, anonymousID: nil,
            emailState: .fine, lane: LaneKey(number: 0))
        return try measure {
            let request = try destination.builder.requests(for: event, of: identity)[0]
            _ = destination.builder.outgoing(request, for: event, at: event.receivedAt)
        }
    }

    /// The cost of storing an event, 100 to a transaction and fsynced; nothing is delivered.
    func commit() async throws -> StageCost {
        let file = try pipeline(blueprint, preset: "default")
        let data = DataFolder(folder + "/commit")
        let lock = try data.lock()
        defer { withExtendedLifetime(lock) {} }
        let store = try data.openStore(pipeline: file)
        defer { store.close() }
        let acceptor = Acceptor()
        var template = BenchEvent(run: 1, isTracked: false)
        var stored = 0
        var meter = StageMeter()
        while Double(meter.nanoseconds) < seconds * 1e9 {
            let events = try (0..<100).map { index in
                template.number(stored + index)
                return (index, try accept(template.bytes, acceptor))
            }
            meter.begin()
            _ = try await store.accept(Envelope(events: events), from: "bench")
            meter.end()
            stored += 100
        }
        return meter.cost(ofEach: stored)
    }

    /// Requests a second with 64 at a time, to a receiver in this process.
    func curl(to port: UInt16) async -> Double {
        let transport = CurlTransport()
        defer { transport.close() }
        var options = TransportOptions()
        options.allowedNetworks = ["127.0.0.0/8"]
        let request = OutgoingRequest(
            method: "POST", url: "http://127.0.0.1:\(port)/events/track",
            headers: ["Content-Type: application/json", "Accept: application/json"],
            body: BenchEvent(run: 1, isTracked: false).bytes, options: options)
        let sending = Sending(transport, request, until: benchClock() + UInt64(seconds * 1e9))
        return await sending.run(64)
    }

    /// Keeps a number of requests in flight until a time.
    private final class Sending: Sendable {
        private let transport: CurlTransport
        private let request: OutgoingRequest
        private let end: UInt64
        private let counts = Locked((done: 0, open: 0))

        init(_ transport: CurlTransport, _ request: OutgoingRequest, until end: UInt64) {
            self.transport = transport
            self.request = request
            self.end = end
        }

        func run(_ count: Int) async -> Double {
            let begin = benchClock()
            await withCheckedContinuation { continuation in
                counts.withLock { $0.open = count }
                for _ in 0..<count { send { continuation.resume() } }
            }
            let seconds = Double(benchClock() - begin) / 1e9
            return Double(counts.withLock { $0.done }) / seconds
        }

        private func send(_ finish: @escaping @Sendable () -> Void) {
            transport.send(request) { [self] _ in
                let isLast = counts.withLock { counts in
                    counts.done += 1
                    if benchClock() < end { return false }
                    counts.open -= 1
                    return counts.open == 0
                }
                if isLast { finish() } else if benchClock() < end { send(finish) }
            }
        }
    }

    // MARK: Parts

    private func accept(_ bytes: [UInt8], _ acceptor: Acceptor) throws -> Event {
        let now = WorldClock.system.now()
        let envelope = try acceptor.single(
            try acceptor.read(bytes), type: .track, from: Self.source, at: now)
        if let rejection = envelope.rejections.first { throw rejection.problem }
        return envelope.events[0].event
    }

    private func destination(_ blueprint: String, preset: String) throws -> Destination {
        guard let found = try pipeline(blueprint, preset: preset)["vero"] else {
            throw Problem(
                code: "bench", message: "There is no destination to measure.",
                hint: "Name a blueprint with --blueprint.")
        }
        return found
    }

    private func pipeline(_ blueprint: String, preset: String) throws -> Pipeline {
        let file = folder + "/stages.json"
        try """
        { "listen": "127.0.0.1:0", "data": "\(folder)/none", "allow_private": "127.0.0.0/8",
          "sources": { "bench": { "kind": "server", "keys": ["bench"] } },
          "destinations": { "vero": { "blueprint": "\(blueprint)", "preset": "\(preset)",
            "parameters": { "auth_token": "bench" },
            "consent": { "require": ["marketing"], "missing": "allow" } } } }
        """.write(toFile: file, atomically: false, encoding: .utf8)
        return try PipelineFile.read(file, .init(environment: [:])).pipeline
    }

    /// The mean cost of as many runs as fit in the time, after some that warm up.
    private func measure(_ body: () throws -> Void) rethrows -> StageCost {
        for _ in 0..<100 { try body() }
        var runs = 0
        var meter = StageMeter()
        while Double(meter.nanoseconds) < seconds * 1e9 {
            meter.begin()
            for _ in 0..<100 { try body() }
            meter.end()
            runs += 100
        }
        return meter.cost(ofEach: runs)
    }
}
