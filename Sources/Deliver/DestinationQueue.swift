import Events

/// What is under way for one destination, and what may begin next.
///
/// A class, so that its list of deliveries is changed in place and never copied.
/// Decides; does nothing itself.
final class DestinationQueue {
    enum Mode: Equatable {
        case open
        /// One delivery at a time, until one shows that the set-up is right again.
        case probing(persistedHold: Bool)
        case held(nextProbe: Timestamp)

        var isHeld: Bool { if case .held = self { true } else { false } }
    }
    let limits: DeliveryLimits
    var mode: Mode
    var ready = Fifo<Job>()
    var active: [DeliveryID: Job] = [:]
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

    init(limits: DeliveryLimits, held: Bool, now: Timestamp, probe: Int64) {
        self.limits = limits
        mode = held ? .held(nextProbe: now + probe * 1000) : .open
        bucket = limits.perSecond.map { TokenBucket(perSecond: $0, now: now) }
    }

    var concurrency: Int {
        switch mode {
        case .open: limits.inFlight
        case .probing: 1
        case .held: 0
        }
    }

    /// The next delivery to try, when one may be.
    func nextToStart(now: Timestamp) -> Job? {
        guard active.count < concurrency, !ready.isEmpty else { return nil }
        if bucket?.take(now: now) == false { return nil }
        guard let job = ready.popFirst() else { return nil }
        active[job.id] = job
        return job
    }

    /// How many deliveries to claim now; 0 for none.
    func claimSize(now: Timestamp) -> Int {
        if let due = nextDue, due <= now {
            nextDue = nil
            waiting = true
        }
        if case .held(let probe) = mode, probe <= now {
            mode = .probing(persistedHold: true)
            waiting = true
        }
        guard waiting, !claiming else { return 0 }
        switch mode {
        case .held: return 0
        case .probing: return active.isEmpty && ready.isEmpty ? 1 : 0
        case .open: return ready.count < Self.claimBatch / 2 ? Self.claimBatch : 0
        }
    }

    /// When to look again though nothing has happened.
    func nextWake(now: Timestamp) -> Timestamp? {
        var wakes: [Timestamp] = []
        switch mode {
        case .held(let probe): return probe
        case .open, .probing: nextDue.map { wakes.append($0) }
        }
        if !ready.isEmpty, active.count < concurrency, let bucket {
            wakes.append(bucket.nextToken(now: now))
        }
        return wakes.min()
    }
}

/// First in, first out, without moving what stays.
struct Fifo<Element> {
    private var items: [Element?] = []
    private var head = 0

    var isEmpty: Bool { head == items.count }
    var count: Int { items.count - head }

    mutating func append(_ element: Element) { items.append(element) }

    mutating func prepend(_ element: Element) {
        if head > 0 {
            head -= 1
            items[head] = element
        } else {
            items.insert(element, at: 0)
        }
    }

    mutating func popFirst() -> Element? {
        guard head < items.count else { return nil }
        let element = items[head]
        items[head] = nil
        head += 1
        if head > 64, head * 2 > items.count {
            items.removeFirst(head)
            head = 0
        }
        return element
    }

    mutating func removeAll() -> [Element] {
        let rest = items[head...].compactMap { $0 }
        items = []
        head = 0
        return rest
    }
}
