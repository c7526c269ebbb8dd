import Accept
import Deliver
import Events
import Log
import Map
import Pipeline
import Request
import SluiceTesting
import Testing

@testable import Store

/// A fault that a history showed.
struct BrokenPromise: Error, CustomStringConvertible {
    let description: String
}

/// How a receiver answers.
enum Receiver: Equatable {
    case well
    /// Nothing comes back.
    case dead
    /// Every request is answered with this status.
    case answers(Int)
    /// 429 with a Retry-After.
    case busy(Duration)

    var result: TransportResult {
        switch self {
        case .well: .answer(.init(status: 200))
        case .dead: .failure(.init(kind: .timeout, message: "no answer", maybeSent: true))
        case .answers(let status): .answer(.init(status: status))
        case .busy(let span): .answer(.init(status: 429, retryAfter: .pause(span)))
        }
    }
}

/// One destination with the store and the delivery machine on one thread, over hours that pass in
/// no time; what is asked of it is answered at once.
final class History {
    struct Request {
        let at: Timestamp
        let event: EventID
        /// The receiver refuses this event, and would take others that wait.
        let keepsOthers: Bool
    }
    let clock = ManualClock()
    private let pipeline: Pipeline
    private let memory = MemoryStore()
    private(set) var writer: StoreWriter
    private var machine: DeliveryMachine
    private var room: Room
    private var watch: ClockWatch
    private var open: [Job] = []
    private var accepted = 0

    var receiver = Receiver.well
    /// Events that the receiver refuses, however it is.
    var poison: Set<EventID> = []
    /// The answer to them.
    var poisonStatus = 403
    /// The next event is one of them.
    var nextIsPoison = false
    private(set) var requests: [Request] = []
    private(set) var alerts: [Alert] = []
    /// The steady time before which nothing may be sent: the receiver asked for a pause.
    private var pausedUntil: Timestamp?
    /// Requests that may still fail before the destination has to rest.
    private var allowance = History.breaker
    /// The first fault that was seen.
    private(set) var broken: String?

    static let breaker = Schedule().breakerFailures
    static let inFlight = 4

    init() throws {
        let text = try Fixtures.bytes("Blueprints/webhook.json")
        var limits = DeliveryLimits(inFlight: Self.inFlight)
        limits.inMemory = 16
        pipeline = Pipeline(destinations: [
            try Fixtures.destination(
                limits: limits, blueprint: try Blueprint.read(file: "webhook.json", bytes: text),
                parameters: ["url": "https://x/"])
        ])
        room = Room()
        watch = ClockWatch(clock.moment)
        writer = try StoreWriter(
            memory.session(), pipeline: pipeline, room: room, clock: clock.world, isServer: true)
        machine = DeliveryMachine(
            limits: [:], schedule: Schedule(), now: clock.moment, jitter: .none)
        try restart()
    }

    /// Ends the program in the middle of everything, and starts it on what is stored.
    func restart() throws {
        let limits = Dictionary(
            uniqueKeysWithValues: pipeline.destinations.map { ($0.name, $0.limits) })
        open = []
        room = Room(limits.mapValues(\.inMemory))
        watch = ClockWatch(clock.moment)
        writer = try StoreWriter(
            memory.session(), pipeline: pipeline, room: room, clock: clock.world, isServer: true)
        machine = DeliveryMachine(
            limits: limits, known: try writer.knownDestinations(), schedule: Schedule(),
            now: clock.moment, jitter: .none)
        // It knows nothing of failures before.
        allowance = Self.breaker
        try handle(.tick)
    }

    // MARK: What happens

    @discardableResult
    func accept(_ user: String) throws -> EventID {
        accepted += 1
        let event = try Fixtures.accepted(
            """
            {"type":"track","event":"E","userId":"\(user)","messageId":"m\(accepted)"}
            """, at: clock.now)
        var receipts: [Receipt] = []
        try transaction {
            receipts = try self.writer.accept(
                PreparedEnvelope(
                    Envelope(events: [(0, event)]), hasher: self.writer.people.hasher,
                    pipeline: self.writer.pipeline), from: "backend")
        }
        if nextIsPoison { poison.insert(receipts[0].id) }
        nextIsPoison = false
        try settle()
        return receipts[0].id
    }

    func release() throws {
        pausedUntil = nil
        allowance = max(allowance, 1)
        try transaction { _ = try self.writer.release("vero") }
        try settle()
    }

    func cancel(_ delivery: DeliveryID) throws {
        try transaction { _ = try self.writer.cancel(delivery) }
        try settle()
    }

    /// Writes what is written for people a little later.
    func show() throws { try writer.transaction(isLast: true) {} }

    /// True when nothing waits but refused events, which nobody has gone past yet.
    var onlyPoisonWaits: Bool { persons.isSubset(of: poison) }

    func probe() throws {
        pausedUntil = nil
        allowance = max(allowance, 1)
        try transaction { try self.writer.probe("vero") }
        try settle()
    }

    /// Lets time pass, and the program do what falls due in it.
    func pass(_ span: Duration) throws {
        let end = clock.moment.steady + span
        while clock.moment.steady < end, broken == nil {
            let now = clock.moment.steady
            let due = machine.nextWake(now: clock.moment)
            if let due, due.since(now) > Self.longestWait { note("a wait of \(due.since(now))") }
            let wake = due ?? end
            clock.advance(by: min(max(.milliseconds(1), wake.since(now)), end.since(now)))
            try handle(.tick)
            try settle()
        }
    }

    /// Sets the wall clock; both threads notice within a second.
    func setClock(by span: Duration) throws {
        clock.set(by: span)
        if let step = watch.step(at: clock.moment) {
            try transaction { try self.writer.moveDueTimes(by: step) }
        }
        try handle(.tick)
        try settle()
    }

    /// The longest that anything waits: the schedule's last delay.
    private static let longestWait = Duration.hours(24)

    // MARK: The program

    private func transaction(_ body: () throws -> Void) throws {
        try writer.transaction(body)
        let news = writer.effects.news.map { pipeline.building($0) }
        if !news.isEmpty { try handle(.news(news)) }
    }

    private func handle(_ input: DeliveryMachine.Input) throws {
        var work: [DeliveryWork] = []
        for action in machine.handle(input, now: clock.moment) {
            switch room.carryOut(action, of: &machine) {
            case .start(let job): open.append(job)
            case .store(let item): work.append(item)
            case .alert(let alert): alerts.append(alert)
            case .claim, .room, nil: break
            }
        }
        if work.isEmpty { return }
        try transaction { for item in work { try self.writer.perform(item) } }
    }

    /// Answers every request, and those that follow from the answers at this moment.
    func settle() throws {
        var count = 0
        while broken == nil {
            count += 1
            if count > 10_000 { return note("it never comes to rest") }
            if open.isEmpty {
                let now = clock.moment
                guard let due = machine.nextWake(now: now), due <= now.steady else { return }
                try handle(.tick)
                if open.isEmpty { return }
            }
            let job = open.removeFirst()
            let isRefused = receiver != .dead && poison.contains(job.id.event)
            let keepsOthers = isRefused && receiver == .well && othersThatMayGo > 0
            let result =
                isRefused ? TransportResult.answer(.init(status: poisonStatus)) : receiver.result
            judge(job, result)
            requests.append(
                Request(
                    at: clock.moment.steady, event: job.id.event, keepsOthers: keepsOthers))
            try handle(
                .ended(job, .init(result: .exchanged(result), startedAt: clock.moment)))
        }
    }

    // MARK: What has to hold

    private func note(_ fault: String) { broken = broken ?? fault }

    /// Compares a request with what the receiver has asked for and shown.
    private func judge(_ job: Job, _ result: TransportResult) {
        let now = clock.moment.steady
        if let pausedUntil, now < pausedUntil {
            note("\(job.id.text) was sent \(pausedUntil.since(now)) before the pause was over")
        }
        if case .answer(let answer) = result {
            if let asked = answer.retryAfter?.pause(from: clock.now), answer.status == 429 {
                let until = now + min(asked, Schedule().longestPause)
                // What was under way with it does not count.
                if open.isEmpty { pausedUntil = max(pausedUntil ?? until, until) }
            }
        }
        judgePatience(job)
    }

    /// Of the same event no more than one request and three probes are refused in a row while others
    /// wait.
    private func judgePatience(_ job: Job) {
        guard poison.contains(job.id.event), receiver == .well else { return }
        let before = requests.reversed().prefix {
            $0.event == job.id.event && $0.keepsOthers
        }.count
        let others = othersThatMayGo
        if before > Suspects.probes, others > 0 {
            note("\(before) requests of \(job.id.text) in a row while \(others) others wait")
        }
    }

    /// The heads of lanes that wait.
    private var persons: Set<EventID> {
        var heads: [Int64: EventID] = [:]
        try? writer.session.forEachOpen { delivery in
            if heads[delivery.lane.number] == nil {
                heads[delivery.lane.number] = delivery.place.event
            }
        }
        return Set(heads.values)
    }

    /// Heads of lanes that may be tried now and would be taken.
    private var othersThatMayGo: Int {
        var ready: Set<EventID> = []
        try? writer.session.forEachOpen { delivery in
            if delivery.isReady, !delivery.isTimed { ready.insert(delivery.place.event) }
        }
        let due = try? writer.session.due(
            at: try writer.session.number(ofDestination: "vero"), until: clock.now,
            order: .dueTime, limit: 100)
        return ready.union((due ?? []).map(\.event)).subtracting(poison).count
    }

    func state(_ event: EventID) throws -> DeliveryState? {
        let number = try writer.session.number(ofDestination: "vero")
        return try writer.session.state(of: DeliveryPlace(event, number))
    }

    var waiting: Int {
        var count = 0
        try? writer.session.forEachOpen { _ in count += 1 }
        return count
    }

    var record: DestinationRecord {
        get throws {
            try writer.session.record(of: try writer.session.number(ofDestination: "vero"))
        }
    }

    var log: any DeliveryLog { memory.log }
}
