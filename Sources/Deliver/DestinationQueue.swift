import Events
import Request

/// One destination's part of the delivery machine: what is under way for it and what may begin.
///
/// An open delivery of the destination is in one of four places. It waits in the store, due or
/// later (`stored` is what the machine knows of that). It is on its way to the machine: handed over
/// fresh, or claimed. It is `ready`: in memory, not started. Or it is `active`: started, its answer
/// not known. Everything but the store needs a place in the room that the store's writer shares
/// with the machine, and is given back to the store when the destination closes.
///
/// A value: it is changed in place in the machine's array and decides only. What is to be done it
/// appends to the machine's actions.
struct DestinationQueue {
    let name: String
    private(set) var limits: DeliveryLimits
    /// The way the destination is sent to.
    var mode: Mode
    /// Gone from the pipeline or switched off: its deliveries wait.
    var isOff = false
    var ready = Fifo<Job>()
    private(set) var active: Set<EventID> = []
    var stored = StoredWork()
    var pace: Pace
    /// Transient failures in a row, and rests without success between them.
    var failures = 0
    var rests = 0
    /// 404 answers in a row.
    var missing = 0
    /// Places that deliveries have left since the room was told.
    private var freed = 0
    /// The last answer that the room was given about fresh deliveries; nil before the first.
    private var admitsFresh: Bool?

    /// The destination's deliveries in the store, as far as the machine knows.
    struct StoredWork {
        /// Something is due there.
        var isDue = true
        /// A claim has been asked for and not answered.
        var isClaiming = false
        /// More is due than a claim could take: fresh deliveries queue up behind it.
        var hasBacklog = false
        /// When something falls due.
        var nextDue: Timestamp?

        mutating func fallsDue(at due: Timestamp) { nextDue = nextDue.map { min($0, due) } ?? due }
    }

    /// The moment and the state of the machine in which a destination decides.
    struct Turn {
        let now: Timestamp
        let schedule: Schedule
        let classifier: Classifier
        /// For the retry of the attempt that ends now: 0 ..< 1.
        var jitter = 0.5
    }

    /// Deliveries a claim takes at the most; enough to keep every connection busy meanwhile.
    static let claimBatch = 256

    init(name: String, limits: DeliveryLimits, hold: HoldKind?, turn: Turn) {
        self.name = name
        self.limits = limits
        mode = .open
        pace = Pace(perSecond: limits.perSecond, now: turn.now)
        if let hold { close(for: hold, turn: turn) }
    }

    /// True when nothing is sent.
    var isClosed: Bool { isOff || mode.isClosed }

    private var concurrency: Int {
        if isClosed { return 0 }
        return mode == .open ? pace.width(limit: limits.inFlight) : 1
    }

    // MARK: What comes in

    /// Has the limits of a changed pipeline hold from now on.
    mutating func change(_ limits: DeliveryLimits, now: Timestamp) {
        if limits.perSecond != self.limits.perSecond {
            pace.setRate(limits.perSecond, now: now)
        }
        self.limits = limits
        stored.isDue = true
    }

    /// Takes in what a claim for so many brought; the other places are free again.
    mutating func claimed(_ jobs: [Job], limit: Int, nextDue: Timestamp?) {
        for job in jobs { ready.append(job) }
        freed += limit - jobs.count
        stored.isClaiming = false
        stored.hasBacklog = jobs.count == limit
        if stored.hasBacklog { stored.isDue = true }
        if let nextDue { stored.fallsDue(at: nextDue) }
    }

    /// The room had no place for the claim: it is asked for again with the next input.
    mutating func claimFoundNoPlace() {
        stored.isClaiming = false
        stored.isDue = true
    }

    /// Takes a started delivery off the list; false when it is not on it.
    mutating func finish(_ job: Job) -> Bool { active.remove(job.id.event) != nil }

    /// A delivery has left the memory.
    mutating func freePlace() { freed += 1 }

    // MARK: What begins

    /// Starts what may start and asks the store for more.
    mutating func advance(
        in turn: Turn, consent: ConsentChanges, into actions: inout [DeliveryMachine.Action]
    ) {
        while let job = nextToStart(now: turn.now) {
            if consent.outdate(job) {
                freed += 1
                actions.append(.store(.giveBack([job])))
            } else {
                active.insert(job.id.event)
                actions.append(.start(job))
            }
        }
        tellFreed(&actions)
        let wanted = claimSize(turn)
        if wanted > 0 {
            stored.isClaiming = true
            stored.isDue = false
            actions.append(
                .claim(Claim(destination: name, wanted: wanted, oldest: mode != .open)))
        }
        tellAdmission(mode == .open && !isOff && !stored.hasBacklog, &actions)
    }

    /// Gives everything that has not started back to the store.
    mutating func giveBackReady(_ actions: inout [DeliveryMachine.Action]) {
        if isOff { tellAdmission(false, &actions) }
        let jobs = ready.removeAll()
        freed += jobs.count
        if !jobs.isEmpty { actions.append(.store(.giveBack(jobs))) }
    }

    /// Has the room told of the places that deliveries have left.
    mutating func tellFreed(_ actions: inout [DeliveryMachine.Action]) {
        guard freed > 0 else { return }
        actions.append(.room(.free(destination: name, count: freed)))
        freed = 0
    }

    private mutating func tellAdmission(
        _ admits: Bool, _ actions: inout [DeliveryMachine.Action]
    ) {
        guard admits != admitsFresh else { return }
        admitsFresh = admits
        actions.append(.room(.admitFresh(destination: name, admits)))
    }

    /// The next delivery to try, when one may be.
    private mutating func nextToStart(now: Timestamp) -> Job? {
        guard active.count < concurrency, !ready.isEmpty, pace.start(now: now) else { return nil }
        return ready.popFirst()
    }

    /// The number of deliveries to claim now; 0 for none.
    private mutating func claimSize(_ turn: Turn) -> Int {
        if let due = stored.nextDue, due <= turn.now {
            stored.nextDue = nil
            stored.isDue = true
        }
        probeWhenItIsTime(turn.now)
        guard stored.isDue, !stored.isClaiming, !isOff else { return 0 }
        switch mode {
        case .held, .heldByOperator, .resting: return 0
        case .probing: return active.isEmpty && ready.isEmpty ? 1 : 0
        case .open: return ready.count < 2 * Self.claimBatch ? Self.claimBatch : 0
        }
    }

    /// The moment to look again though nothing has happened.
    func nextWake(now: Timestamp) -> Timestamp? {
        switch mode {
        case .held(let probeAt): return probeAt
        case .heldByOperator: return nil
        case .resting(let until): return until
        case .open, .probing: break
        }
        var wakes = [stored.nextDue]
        if !ready.isEmpty, active.count < concurrency { wakes.append(pace.nextStart(now: now)) }
        return wakes.compactMap { $0 }.min()
    }
}
