import Accept
import Consent
import Deliver
import Events
import JSON
import Map
import Pipeline
import Request
import SluiceTesting
import Testing

@testable import SQLiteStore
@testable import Store

/// Numbers that are the same for the same seed (SplitMix64).
struct Seeded: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &self) < percent }
}

/// A fault that a simulation found.
private struct Broken: Error, CustomStringConvertible {
    let description: String
}

/// The store and the delivery machine on one thread, with a stepped clock, destinations that do
/// anything, and crashes at any moment.
private final class Simulation {
    private struct Exchange {
        let job: Job
        let body: [UInt8]
        let startedAt: Moment
        let run: Int
    }
    private var random: Seeded
    private let clock = ManualClock()
    private let storage: any Storage
    private let pipeline: Pipeline
    private var writer: StoreWriter
    private var machine: DeliveryMachine
    private var room: Room
    private var exchanges: [Exchange] = []
    /// Requests of a machine that crashed; some had arrived.
    private var faultsStopped = false

    private var accepted: [(id: EventID, user: String)] = []
    private var received: [DeliveryID: [[UInt8]]] = [:]
    private var firstReceived: [String: [EventID]] = [:]
    private var started: [DeliveryID: Int] = [:]
    private var withdrawn: Set<String> = []
    private var crashes = 0
    private var ambiguous = 0
    private var wasOutOfOrder = false

    private static let names = ["a", "b"]
    private static let inFlight = 3
    private static let text: [UInt8] = (try? Fixtures.bytes("Blueprints/webhook.json")) ?? []
    private static let blueprint = try? Blueprint.read(file: "webhook.json", bytes: text)

    init(seed: UInt64, over storage: any Storage) throws {
        random = Seeded(state: seed)
        self.storage = storage
        guard let blueprint = Self.blueprint else { throw Broken(description: "no blueprint") }
        pipeline = Pipeline(
            destinations: try Self.names.map {
                var limits = DeliveryLimits(inFlight: Self.inFlight)
                limits.inMemory = 4
                return try Fixtures.destination(
                    $0, consent: ConsentRule(require: ["marketing"], missing: .allow),
                    limits: limits, blueprint: blueprint, parameters: ["url": "https://x/"])
            })
        room = Room()
        writer = try StoreWriter(
            storage.session(), pipeline: pipeline, room: room, clock: clock.world, isServer: true)
        machine = DeliveryMachine(
            limits: [:], schedule: Schedule(), now: clock.moment,
            jitter: .none)
        try open()
    }

    /// Starts the program on what is in the file.
    private func open() throws {
        let limits = Dictionary(
            uniqueKeysWithValues: pipeline.destinations.map { ($0.name, $0.limits) })
        room = Room(limits.mapValues(\.inMemory))
        writer = try StoreWriter(
            storage.session(), pipeline: pipeline, room: room, clock: clock.world, isServer: true)
        machine = DeliveryMachine(
            limits: limits, known: try writer.knownDestinations(), schedule: Schedule(),
            now: clock.moment,
            jitter: .none)
        exchanges = []
        try handle([.tick])
    }

    // MARK: Running

    func run(steps: Int) throws {
        for _ in 0..<steps { try step() }
        faultsStopped = true
        for name in Self.names { try transaction { _ = try self.writer.release(name) } }
        for _ in 0..<20_000 {
            if exchanges.isEmpty {
                if try waiting() == 0 { break }
                let wake = machine.nextWake(now: clock.moment) ?? clock.moment.steady + .seconds(1)
                let pause = wake.since(clock.moment.steady)
                clock.advance(by: max(.milliseconds(1), pause))
                try handle([.tick])
            } else {
                try end(exchanges.remove(at: Int.random(in: 0..<exchanges.count, using: &random)))
            }
        }
        try check()
    }

    private func step() throws {
        switch Int.random(in: 0..<100, using: &random) {
        case 0..<30: try accept()
        case 30..<75:
            guard !exchanges.isEmpty else { return }
            try end(exchanges.remove(at: Int.random(in: 0..<exchanges.count, using: &random)))
        case 75..<93:
            let wake = machine.nextWake(now: clock.moment) ?? clock.moment.steady
            let pause = max(.zero, wake.since(clock.moment.steady))
            let jump = random.chance(50) ? pause : .milliseconds(700)
            clock.advance(by: jump)
            try handle([.tick])
        case 93: try setClock()
        case 94..<96: try crash()
        case 96..<98: try withdraw()
        default: try transaction { _ = try self.writer.release(Self.names[0]) }
        }
    }

    /// The wall clock is set; the store's thread notices it, and so does the machine.
    private func setClock() throws {
        let span: Duration = random.chance(50) ? .hours(3) : .days(1)
        let step = random.chance(50) ? span : .zero - span
        clock.set(by: step)
        try transaction { try self.writer.moveDueTimes(by: step) }
        try handle([.tick])
    }

    private func accept() throws {
        let user = "u\(Int.random(in: 0..<4, using: &random))"
        let event = try Fixtures.accepted(
            """
            {"type":"track","event":"E","userId":"\(user)","messageId":"m\(accepted.count)"}
            """, at: clock.now)
        var receipts: [Receipt] = []
        try transaction {
            let envelope = Envelope(events: [(0, event)])
            receipts = try self.writer.accept(
                PreparedEnvelope(
                    envelope, hasher: self.writer.people.hasher, pipeline: self.writer.pipeline),
                from: "backend")
        }
        accepted.append((receipts[0].id, user))
    }

    private func withdraw() throws {
        let user = "u\(Int.random(in: 0..<4, using: &random))"
        let answer = ConsentAnswer(
            category: "marketing", granted: false, at: clock.now, origin: "simulation")
        try transaction {
            _ = try self.writer.setConsent(of: user, to: [answer], lifting: false)
        }
        withdrawn.insert(user)
    }

    private func crash() throws {
        crashes += 1
        // Of what was on its way some arrived.
        for exchange in exchanges where random.chance(50) { receive(exchange) }
        try open()
    }

    private func transaction(_ body: () throws -> Void) throws {
        try writer.transaction(body)
        let news = writer.effects.news.map { pipeline.building($0) }
        if !news.isEmpty { try handle([.news(news)]) }
    }

    private func handle(_ inputs: [DeliveryMachine.Input]) throws {
        for input in inputs {
            var work: [DeliveryWork] = []
            for action in machine.handle(input, now: clock.moment) {
                switch room.carryOut(action, of: &machine) {
                case .start(let job): try start(job)
                case .store(let item): work.append(item)
                case .alert, .claim, .room, nil: break
                }
            }
            if work.isEmpty { continue }
            try transaction { for item in work { try self.writer.perform(item) } }
        }
    }

    private func start(_ job: Job) throws {
        let user = job.identity.userID ?? ""
        if withdrawn.contains(user) {
            throw Broken(description: "I5: \(job.id.text) was sent after \(user) withdrew")
        }
        let lane = job.identity.lane
        if exchanges.contains(where: {
            $0.job.identity.lane == lane && $0.job.id.destination == job.id.destination
        }), !wasOutOfOrder {
            throw Broken(description: "two of one lane in flight: \(job.id.text)")
        }
        let isOpen = exchanges.count { $0.job.id.destination == job.id.destination }
        if isOpen >= Self.inFlight { throw Broken(description: "more in flight than allowed") }
        guard let builder = pipeline.builder(for: job.id.destination) else { return }
        started[job.id, default: 0] += 1
        exchanges.append(
            Exchange(
                job: job,
                body: builder.outgoing(job.requests[0], for: job.event, at: clock.now).body,
                startedAt: clock.moment, run: job.run))
    }

    private func receive(_ exchange: Exchange) {
        let id = exchange.job.id
        if received[id] == nil {
            let user = exchange.job.identity.userID ?? ""
            firstReceived["\(id.destination) \(user)", default: []].append(id.event)
        }
        received[id, default: []].append(exchange.body)
    }

    /// An exchange ends, well or badly.
    private func end(_ exchange: Exchange) throws {
        let result: TransportResult
        switch faultsStopped ? 0 : Int.random(in: 0..<100, using: &random) {
        case 0..<60:
            receive(exchange)
            result = .answer(.init(status: 200))
        case 60..<65: result = .answer(.init(status: 400))
        case 65..<68: result = .answer(.init(status: 401))
        case 68..<73: result = .answer(.init(status: 429, retryAfter: .seconds(7)))
        case 73..<88: result = .answer(.init(status: 503))
        default:
            if random.chance(50) { receive(exchange) }
            ambiguous += 1
            result = .failure(.init(kind: .timeout, message: "no answer", maybeSent: true))
        }
        try handle([
            .ended(
                exchange.job,
                .init(result: .exchanged(result), startedAt: exchange.startedAt))
        ])
        // After fifteen minutes the rest of a lane passes; from then on two may be on their way.
        try writer.session.forEachOpen { if $0.wasPassed { wasOutOfOrder = true } }
    }

    // MARK: What has to hold

    private func waiting() throws -> Int {
        var count = 0
        try writer.session.forEachOpen { _ in count += 1 }
        return count
    }

    private func check() throws {
        func hold(_ holds: Bool, _ what: String) throws {
            if !holds { throw Broken(description: what) }
        }
        try hold(try waiting() == 0, "I3: \(try waiting()) never ended")
        let stored = try writer.session.events(
            after: EventID(number: 0), before: EventID(number: .max), limit: .max)
        try hold(stored == accepted.map(\.id).sorted(), "I1: an event is missing")
        let states = try states()
        try hold(
            states.count == accepted.count * Self.names.count,
            "I2: not one delivery for each event and destination")
        for (id, bodies) in received {
            try hold(bodies.count <= started[id] ?? 0, "I4: \(id.text) came more often than sent")
            try hold(Set(bodies).count == 1, "I4: the copies of \(id.text) differ")
        }
        let repeats = received.values.reduce(0) { $0 + $1.count - 1 }
        let allowed = crashes * Self.inFlight * Self.names.count + ambiguous
        try hold(repeats <= allowed, "I6: \(repeats) repeats, \(allowed) can be explained")
        for (id, state) in states where state == .delivered {
            try hold(received[id] != nil, "\(id.text) reads delivered and never arrived")
        }
        if !wasOutOfOrder {
            for (lane, events) in firstReceived {
                try hold(events == events.sorted(), "I7: out of order in \(lane)")
            }
        }
        try hold(try storage.isSound(), "I9: the file is damaged")
    }

    /// The state of every delivery that there should be.
    private func states() throws -> [DeliveryID: DeliveryState] {
        var states: [DeliveryID: DeliveryState] = [:]
        for (id, _) in accepted {
            for (name, number) in writer.session.destinations {
                states[DeliveryID(event: id, destination: name)] =
                    try writer.session.state(of: DeliveryPlace(id, number))
            }
        }
        return states
    }
}

/// The data that a simulated program works on, from crash to crash.
private protocol Storage {
    /// Opens the data as a program that starts does.
    func session() throws -> any StoreSession
    func isSound() throws -> Bool
}

extension MemoryStore: Storage {
    fileprivate func isSound() -> Bool { true }
}

/// A SQLite file in memory, with limits so small that keys are folded and merged all the while.
private struct SQLiteStorage: Storage {
    private let connection: Connection

    init() throws {
        connection = try Connection(path: ":memory:", mode: .readWrite, busyTimeout: .zero)
        try Schema.migrate(connection, key: [1])
    }

    func session() throws -> any StoreSession {
        var limits = KeyLimits()
        (limits.gathered, limits.folded, limits.runs, limits.merged) = (8, 3, 2, 2)
        return try SQLiteSession(connection, keys: limits)
    }

    func isSound() throws -> Bool { try connection.text("PRAGMA integrity_check") == "ok" }
}

@Suite struct `A simulation of store and deliverer` {
    @Test func `holds its invariants over SQLite for every seed`() throws {
        try simulate("SQLite", seeds: Self.seeds) { try SQLiteStorage() }
    }

    @Test func `holds its invariants over a store in memory for every seed`() throws {
        try simulate("memory", seeds: Self.seeds) { MemoryStore() }
    }

    private static let seeds = {
        let count = environmentVariable("SLUICE_SEEDS").flatMap { UInt64($0) } ?? 25
        let first = environmentVariable("SLUICE_SEED").flatMap { UInt64($0) } ?? 1
        return first..<first + count
    }()

    private func simulate(
        _ name: String, seeds: Range<UInt64>, over storage: () throws -> any Storage
    ) throws {
        for seed in seeds {
            do {
                try Simulation(seed: seed, over: try storage()).run(steps: 150)
            } catch {
                Issue.record(
                    "\(name), seed \(seed): \(error). Again: SLUICE_SEED=\(seed) SLUICE_SEEDS=1")
                return
            }
        }
        if seeds.count > 25 {
            writeToStandardError(
                "simulation: \(seeds.count) seeds over \(name), all invariants hold")
        }
    }
}
