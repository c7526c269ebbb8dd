import Events

/// What is under way for one destination, and what may begin next.
///
/// A class, so that its list of deliveries is changed in place and never copied.
/// Decides; does nothing itself.
final class DestinationQueue {
    enum Mode: Equatable {
        case open
        /// One delivery at a time, until one shows that it is right again.
        case probing(After)
        /// Set-up is wrong, or an operator said so (then nothing is tried by itself).
        case held(nextProbe: Timestamp?)
        /// The breaker is open.
        case resting(until: Timestamp)

        /// Nothing is sent.
        var isClosed: Bool {
            switch self {
            case .held, .resting: true
            case .open, .probing: false
            }
        }

        /// What was before the probe.
        enum After: Equatable {
            /// A hold; `persisted` when the store has it and has to be told of its end.
            case hold(persisted: Bool)
            case rest
        }
    }
    let name: String
    var limits: DeliveryLimits
    var mode: Mode
    /// An operator holds it, also while one delivery is tried on their order.
    var heldByOperator = false
    /// Gone from the pipeline or switched off: what waits, waits.
    var isOff = false
    /// Transient failures in a row, and rests without success between them.
    var failures = 0
    var rests = 0
    /// Exchanges at the same time after a rest: 1, doubled by each success; nil for the limit.
    var ramp: Int?
    /// Requests a second that the destination was found to take; nil while nothing was refused.
    var throttle: Throttle?
    private var recent = Recent()
    var ready = Fifo<Job>()
    var active: Set<EventID> = []
    /// Something is due in the store.
    var waiting = true
    /// More is due than a claim could take: fresh deliveries queue up behind it.
    var backlog = false
    var claiming = false
    var nextDue: Timestamp?
    /// 404 answers in a row.
    var missing = 0
    var bucket: TokenBucket?

    /// Deliveries a claim takes at the most; enough to keep every connection busy meanwhile.
    static let claimBatch = 256

    init(
        name: String, limits: DeliveryLimits, hold: HoldKind?, now: Timestamp, probe: Int64
    ) {
        self.name = name
        self.limits = limits
        mode = .open
        bucket = limits.perSecond.map { TokenBucket(perSecond: $0, now: now) }
        if let hold { self.hold(hold, now: now, probe: probe) }
    }

    func hold(_ kind: HoldKind, now: Timestamp, probe: Int64) {
        heldByOperator = kind == .operatorOrder
        mode = .held(nextProbe: heldByOperator ? nil : now + probe * 1000)
    }

    /// Takes what a claim for so many brought.
    func take(_ jobs: [Job], _ limit: Int, _ nextDue: Timestamp?) {
        for job in jobs { ready.append(job) }
        claiming = false
        backlog = jobs.count == limit
        if backlog { waiting = true }
        if let nextDue { noteDue(nextDue) }
    }

    func noteDue(_ due: Timestamp) { nextDue = nextDue.map { min($0, due) } ?? due }

    /// Nothing is sent.
    var isClosed: Bool { isOff || mode.isClosed }

    /// Takes the limits of a changed pipeline.
    func change(_ limits: DeliveryLimits, now: Timestamp) {
        if limits.perSecond != self.limits.perSecond {
            bucket = limits.perSecond.map { TokenBucket(perSecond: $0, now: now) }
        }
        self.limits = limits
        waiting = true
    }

    var concurrency: Int {
        if isClosed { return 0 }
        return mode == .open ? min(ramp ?? limits.inFlight, limits.inFlight) : 1
    }

    /// The next delivery to try, when one may be.
    func nextToStart(now: Timestamp) -> Job? {
        guard active.count < concurrency, !ready.isEmpty else { return nil }
        guard canStart(now: now) else { return nil }
        guard let job = ready.popFirst() else { return nil }
        recent.count(now)
        active.insert(job.id.event)
        return job
    }

    /// A 429: the rate halves; the first time, from what was sent in the last second.
    func refused(now: Timestamp) {
        if throttle == nil {
            let rate = max(recent.lastSecond(now), active.count)
            throttle = Throttle(perSecond: Double(rate) / 2, now: now)
        } else {
            throttle?.refused(now: now)
        }
    }

    /// A success: the rate grows, until it is no limit any more; so does what may be in flight
    /// after a rest.
    func succeeded(now: Timestamp) {
        throttle?.succeeded(now: now)
        if let rate = throttle?.perSecond, rate > Throttle.highest { throttle = nil }
        if let ramp { self.ramp = ramp * 2 >= limits.inFlight ? nil : ramp * 2 }
        failures = 0
        rests = 0
    }

    /// Takes a token of each limit that there is, or of none.
    private func canStart(now: Timestamp) -> Bool {
        guard throttle?.bucket.nextToken(now: now) ?? now <= now else { return false }
        if bucket?.take(now: now) == false { return false }
        _ = throttle?.bucket.take(now: now)
        return true
    }

    /// How many deliveries to claim now; 0 for none.
    func claimSize(now: Timestamp) -> Int {
        if let due = nextDue, due <= now {
            nextDue = nil
            waiting = true
        }
        if case .held(let next?) = mode, next <= now { probe(after: .hold(persisted: true)) }
        if case .resting(let until) = mode, until <= now { probe(after: .rest) }
        guard waiting, !claiming, !isOff else { return 0 }
        switch mode {
        case .held, .resting: return 0
        case .probing: return active.isEmpty && ready.isEmpty ? 1 : 0
        case .open: return ready.count < 2 * Self.claimBatch ? Self.claimBatch : 0
        }
    }

    /// When to look again though nothing has happened.
    func nextWake(now: Timestamp) -> Timestamp? {
        var wakes: [Timestamp] = []
        switch mode {
        case .held(let next): return next
        case .resting(let until): return until
        case .open, .probing: nextDue.map { wakes.append($0) }
        }
        if !ready.isEmpty, active.count < concurrency {
            let tokens = [bucket, throttle?.bucket].compactMap { $0?.nextToken(now: now) }
            tokens.max().map { wakes.append($0) }
        }
        return wakes.min()
    }

    /// One delivery may be tried.
    func probe(after: Mode.After) {
        mode = .probing(after)
        waiting = true
    }
}

/// How many were started in the second before.
private struct Recent {
    private var second: Int64 = 0
    private var started = 0
    private var before = 0

    mutating func count(_ now: Timestamp) {
        turn(now)
        started += 1
    }

    mutating func lastSecond(_ now: Timestamp) -> Int {
        turn(now)
        return max(before, started)
    }

    private mutating func turn(_ now: Timestamp) {
        let second = now.milliseconds / 1000
        guard second != self.second else { return }
        before = second == self.second + 1 ? started : 0
        started = 0
        self.second = second
    }
}

/// Why a destination was held when the program started.
package enum HoldKind: Sendable {
    case setup
    case operatorOrder
}

/// The rate a destination that answered 429 is sent at: halved by each refusal, slowly raised by
/// success (additive increase, multiplicative decrease).
struct Throttle {
    private(set) var perSecond: Double
    var bucket: TokenBucket
    private var changedAt: Timestamp

    /// Requests a second above which the destination is taken to be free of limits again.
    static let highest = 5_000.0
    /// Milliseconds between two changes, so that what is in flight counts once.
    static let pause: Int64 = 1_000

    init(perSecond: Double, now: Timestamp) {
        self.perSecond = max(1, perSecond)
        bucket = TokenBucket(perSecond: self.perSecond, now: now)
        changedAt = now
    }

    mutating func refused(now: Timestamp) { change(to: perSecond / 2, now: now) }

    mutating func succeeded(now: Timestamp) { change(to: perSecond * 1.05 + 0.1, now: now) }

    private mutating func change(to rate: Double, now: Timestamp) {
        guard now - changedAt >= Self.pause else { return }
        self = Throttle(perSecond: rate, now: now)
    }
}
