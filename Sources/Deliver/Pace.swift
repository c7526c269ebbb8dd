import Events

/// How fast one destination is sent to: the rate that the pipeline sets, the rate that was learnt
/// from its 429 answers, and the slow start after a rest or a pause.
///
/// All its times are steady times: it never waits longer because the wall clock was set.
struct Pace {
    /// The pipeline's rate; nil for as fast as it goes.
    private var bucket: TokenBucket?
    /// The rate that the destination was found to take; nil while nothing was refused.
    var throttle: Throttle?
    private var recent = RecentStarts()
    /// Exchanges at the same time after a rest: 1, doubled by each success; nil for the limit.
    private var width: Int?

    init(perSecond: Double?, now: Timestamp) { setRate(perSecond, now: now) }

    /// Sets the pipeline's rate.
    mutating func setRate(_ perSecond: Double?, now: Timestamp) {
        bucket = perSecond.map { TokenBucket(perSecond: $0, now: now) }
    }

    /// The time ahead for which deliveries are kept in memory at a slow pace.
    private static let ahead = 2.0

    /// Deliveries that may start within a short time, at least one; nil without a rate.
    var soon: Int? {
        let rates = [bucket?.perSecond, throttle?.perSecond].compactMap { $0 }
        return rates.min().map { max(1, Int(clamping: Int64(min($0, 1e9) * Self.ahead))) }
    }

    /// Exchanges that may be open at the same time, when the limits allow so many.
    func width(limit: Int) -> Int { min(width ?? limit, limit) }

    /// Begins with one exchange at a time: after a rest.
    mutating func beginSlowly() { width = 1 }

    /// Goes as wide as the limits allow at once.
    mutating func beginWide() { width = nil }

    /// Counts one start when every rate allows it now; else changes nothing and says false.
    mutating func start(now: Timestamp) -> Bool {
        if let throttle, throttle.bucket.nextToken(now: now) > now { return false }
        if bucket?.take(now: now) == false { return false }
        _ = throttle?.bucket.take(now: now)
        recent.count(now)
        return true
    }

    /// The moment when every rate allows the next start; nil without a rate.
    func nextStart(now: Timestamp) -> Timestamp? {
        [bucket, throttle?.bucket].compactMap { $0?.nextToken(now: now) }.max()
    }

    /// Halves the rate after a 429; the first time, half of what was sent in the last second.
    ///
    /// - Parameter active: exchanges that are open.
    mutating func slowDown(active: Int, now: Timestamp) {
        if throttle == nil {
            let rate = max(recent.lastSecond(now), active)
            throttle = Throttle(perSecond: Double(rate) / 2, now: now)
        } else {
            throttle?.refused(now: now)
        }
    }

    /// Raises the rate after a success, until it is no limit any more; so does the number of
    /// exchanges after a rest.
    mutating func speedUp(limit: Int, now: Timestamp) {
        throttle?.succeeded(now: now)
        if let rate = throttle?.perSecond, rate > Throttle.highest { throttle = nil }
        if let width { self.width = width * 2 >= limit ? nil : width * 2 }
    }
}

/// The number of exchanges started in the second before.
private struct RecentStarts {
    private var second: Int64 = 0
    private var started = 0
    private var before = 0

    mutating func count(_ now: Timestamp) {
        turn(to: now)
        started += 1
    }

    mutating func lastSecond(_ now: Timestamp) -> Int {
        turn(to: now)
        return max(before, started)
    }

    private mutating func turn(to now: Timestamp) {
        let second = now.milliseconds / 1000
        guard second != self.second else { return }
        before = second == self.second + 1 ? started : 0
        started = 0
        self.second = second
    }
}

/// The rate at which a destination that answered 429 is sent to: halved by each refusal, slowly
/// raised by success (additive increase, multiplicative decrease).
struct Throttle {
    private(set) var perSecond: Double
    var bucket: TokenBucket
    private var changedAt: Timestamp

    /// Requests a second above which the destination is taken to be free of limits again.
    static let highest = 5_000.0
    /// The time between two changes, so that the exchanges in flight count once.
    static let pause = Duration.seconds(1)

    init(perSecond: Double, now: Timestamp) {
        self.perSecond = max(1, perSecond)
        bucket = TokenBucket(perSecond: self.perSecond, now: now)
        changedAt = now
    }

    /// Halves the rate.
    mutating func refused(now: Timestamp) { change(to: perSecond / 2, now: now) }

    /// Raises the rate by a twentieth and a little more.
    mutating func succeeded(now: Timestamp) { change(to: perSecond * 1.05 + 0.1, now: now) }

    private mutating func change(to rate: Double, now: Timestamp) {
        guard now.since(changedAt) >= Self.pause else { return }
        self = Throttle(perSecond: rate, now: now)
    }
}
