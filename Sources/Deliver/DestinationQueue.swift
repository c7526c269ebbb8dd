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
    /// The end, in steady time, of the pause that it asked for; nil when it asked for none.
    var pausingUntil: Timestamp?
    var suspects: Suspects
    /// Gone from the pipeline or switched off: its deliveries wait.
    var isOff = false
    var ready = Fifo<Job>()
    private(set) var active: Set<EventID> = []
    var stored = StoredWork()
    var pace: Pace
    /// Transient failures in a row, and rests without success between them.
    var failures = 0
    var rests = 0
    /// The cause of the rest, in a sentence.
    var restHint = ""
    /// 404 answers in a row.
    var missing = 0
    /// Deliveries that were refused in a row.
    var refusedInARow: Int
    /// Names of events whose own address is wrong, as an operator was told.
    var wrongAddresses: Set<String> = []
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
        /// True when the claim is for a probe.
        var isClaimingProbe = false
        /// More is due than a claim could take: fresh deliveries queue up behind it.
        var hasBacklog = false
        /// When something falls due, in steady time.
        var nextDue: Timestamp?

        mutating func fallsDue(at due: Timestamp) { nextDue = nextDue.map { min($0, due) } ?? due }
    }

    /// The moment and the state of the machine in which a destination decides.
    struct Turn {
        let now: Moment
        let schedule: Schedule
        let classifier: Classifier
        /// For the retry of the attempt that ends now: 0 ..< 1.
        var jitter = 0.5
    }

    /// Deliveries a claim takes at the most; enough to keep every connection busy meanwhile.
    static let claimBatch = 256

    init(name: String, limits: DeliveryLimits, known: DestinationRecord?, turn: Turn) {
        let known = known ?? DestinationRecord()
        self.name = name
        self.limits = limits
        mode = .open
        suspects = known.suspects
        refusedInARow = known.refusedInARow
        pace = Pace(perSecond: limits.perSecond, now: turn.now.steady)
        if let hold = known.hold { close(for: hold, turn: turn) }
        if let pause = known.pause {
            pausingUntil = turn.now.steady + pause.left(at: turn.now.wall)
        }
    }

    /// True when nothing is sent.
    var isClosed: Bool { isOff || mode.isClosed || pausingUntil != nil }

    private var concurrency: Int {
        if isClosed { return 0 }
        return mode == .open ? pace.width(limit: limits.inFlight) : 1
    }

    // MARK: What comes in

    /// Has the limits of a changed pipeline hold from now on.
    mutating func change(_ limits: DeliveryLimits, now: Moment) {
        if limits.perSecond != self.limits.perSecond {
            pace.setRate(limits.perSecond, now: now.steady)
        }
        self.limits = limits
        stored.isDue = true
    }

    /// Takes in what a claim for so many brought; the other places are free again.
    mutating func claimed(
        _ jobs: [Job], limit: Int, nextDue: Timestamp?, in turn: Turn,
        into actions: inout [DeliveryMachine.Action]
    ) {
        for job in jobs { ready.append(job) }
        freed += limit - jobs.count
        stored.isClaiming = false
        stored.hasBacklog = jobs.count == limit
        if stored.hasBacklog { stored.isDue = true }
        if let nextDue { stored.fallsDue(at: turn.now.steady(at: nextDue)) }
        if stored.isClaimingProbe, jobs.isEmpty { foundNoCandidate(in: turn, into: &actions) }
        stored.isClaimingProbe = false
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
        while let job = nextToStart(now: turn.now.steady) {
            if consent.outdate(job) {
                freed += 1
                actions.append(.store(.giveBack([job])))
            } else {
                active.insert(job.id.event)
                actions.append(.start(job))
            }
        }
        giveBackSurplus(&actions)
        tellFreed(&actions)
        let wanted = claimSize(turn)
        if wanted > 0 { claim(wanted, &actions) }
        let hasRoom = pace.soon.map { ready.count < $0 } ?? true
        tellAdmission(mode == .open && !isClosed && !stored.hasBacklog && hasRoom, &actions)
    }

    private mutating func claim(
        _ wanted: Int, _ actions: inout [DeliveryMachine.Action]
    ) {
        stored.isClaiming = true
        stored.isDue = false
        var claim = Claim(destination: name, wanted: wanted, oldest: mode != .open)
        if case .probing = mode {
            stored.isClaimingProbe = true
            claim.except = suspects.spared
        }
        actions.append(.claim(claim))
    }

    /// Gives back what will not start soon at a slow pace: it would be shown as being sent.
    private mutating func giveBackSurplus(_ actions: inout [DeliveryMachine.Action]) {
        guard let soon = pace.soon, ready.count > soon else { return }
        let jobs = ready.removeAll()
        for job in jobs.prefix(soon) { ready.append(job) }
        freed += jobs.count - soon
        actions.append(.store(.giveBack(Array(jobs.dropFirst(soon)))))
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
        if let due = stored.nextDue, due <= turn.now.steady {
            stored.nextDue = nil
            stored.isDue = true
        }
        guard stored.isDue, !stored.isClaiming, !isClosed else { return 0 }
        switch mode {
        case .held, .heldByOperator, .resting: return 0
        case .probing: return active.isEmpty && ready.isEmpty ? 1 : 0
        case .open:
            // What comes at a slow pace waits in the store until it is nearly its turn.
            if let soon = pace.soon {
                return ready.count * 2 < soon ? min(soon - ready.count, Self.claimBatch) : 0
            }
            return ready.count < 2 * Self.claimBatch ? Self.claimBatch : 0
        }
    }

    /// The steady time to look again though nothing has happened.
    func nextWake(now: Moment) -> Timestamp? {
        if let pausingUntil { return pausingUntil }
        switch mode {
        case .held(let probeAt): return probeAt
        case .heldByOperator: return nil
        case .resting(let until): return until
        case .open, .probing: break
        }
        var wakes = [stored.nextDue]
        if !ready.isEmpty, active.count < concurrency {
            wakes.append(pace.nextStart(now: now.steady))
        }
        return wakes.compactMap { $0 }.min()
    }
}
