package import Events

/// How much of one destination's work may be under way.
package struct DeliveryLimits: Sendable, Equatable {
    /// Exchanges at the same time.
    package var inFlight: Int
    /// Requests a second; nil for as fast as it goes.
    package var perSecond: Double?
    /// Deliveries held in memory; what does not fit waits in the store.
    package var inMemory: Int
    package var options: TransportOptions

    package init(
        inFlight: Int = 64, perSecond: Double? = nil, inMemory: Int = 2_048,
        options: TransportOptions = TransportOptions()
    ) {
        self.inFlight = inFlight
        self.perSecond = perSecond
        self.inMemory = inMemory
        self.options = options
    }
}

/// An event and whom it belongs to: shared by all copies of a job.
private final class Subject: Sendable {
    let event: Event
    let identity: Identity

    init(_ event: Event, _ identity: Identity) {
        self.event = event
        self.identity = identity
    }
}

/// One delivery with an attempt open, handed to the deliverer.
///
/// An object, because it goes through many hands.
package final class Job: Sendable {
    package let id: DeliveryID
    package let run: Int
    /// The number of the open attempt.
    package let attempt: Int
    /// Attempts that count for the schedule, before this one.
    package let tries: Int
    /// The first request that has not been delivered yet.
    package let step: Int
    private let subject: Subject
    package var event: Event { subject.event }
    package var identity: Identity { subject.identity }
    package let content: Content
    /// The blueprint's revision that the requests were, or will be, built with.
    package let revision: String
    /// The store's change number when consent was last looked at.
    package let decidedAt: Int64

    /// What a job sends.
    package enum Content: Sendable {
        case unbuilt
        /// The same at every try. Those that a state of the destination has just built have to be
        /// kept with the attempt that ends next; nil for those that were kept.
        case built([MappedRequest], by: (any Target)?)
        case fault(BuildFault)
    }

    package convenience init(
        id: DeliveryID, run: Int, attempt: Int, tries: Int, step: Int, event: Event,
        identity: Identity, content: Content = .unbuilt, revision: String, decidedAt: Int64
    ) {
        self.init(
            id: id, run: run, attempt: attempt, tries: tries, step: step,
            subject: Subject(event, identity), content: content, revision: revision,
            decidedAt: decidedAt)
    }

    private init(
        id: DeliveryID, run: Int, attempt: Int, tries: Int, step: Int, subject: Subject,
        content: Content, revision: String, decidedAt: Int64
    ) {
        self.id = id
        self.run = run
        self.attempt = attempt
        self.tries = tries
        self.step = step
        self.subject = subject
        self.content = content
        self.revision = revision
        self.decidedAt = decidedAt
    }

    /// The same with what was built for it.
    package func with(_ content: Content, revision: String? = nil) -> Job {
        Job(
            id: id, run: run, attempt: attempt, tries: tries, step: step, subject: subject,
            content: content, revision: revision ?? self.revision, decidedAt: decidedAt)
    }

    /// The same as it was before its requests were built; what was kept stays.
    var unsent: Job { pinsRequests ? with(.unbuilt) : self }

    /// The same delivery with its next request and a schedule that begins anew.
    package func following() -> Job {
        Job(
            id: id, run: run, attempt: attempt + 1, tries: 0, step: step + 1, subject: subject,
            content: .built(requests, by: nil), revision: revision, decidedAt: decidedAt)
    }

    /// Every request of the delivery; empty before they are built.
    package var requests: [MappedRequest] {
        if case .built(let requests, _) = content { requests } else { [] }
    }

    /// Whether the requests were built for this attempt and have to be kept with it.
    package var pinsRequests: Bool { builder != nil }

    /// The state of the destination that has just built the requests.
    var builder: (any Target)? {
        if case .built(_, let builder) = content { builder } else { nil }
    }

    /// What this attempt sends, or why it cannot.
    var request: Result<MappedRequest, BuildFault> {
        switch content {
        case .built(let requests, _) where step < requests.count: .success(requests[step])
        case .fault(let fault): .failure(fault)
        case .built, .unbuilt:
            .failure(BuildFault(reason: .mapping, detail: "the event has no request"))
        }
    }
}

/// The end of an attempt, for the store to record.
package struct Outcome: Sendable {
    /// Where the delivery goes from here.
    package enum Next: Sendable, Equatable {
        case delivered
        /// A step is done; the attempt of the next one is open.
        case nextStep
        case retry(due: Timestamp, leavesLane: Bool)
        case failed(Reason, detail: String?)
        case expired
        /// Back to the head of its lane, due at once; the attempt does not count.
        case requeue
    }
    package var job: Job
    package var attempt: Attempt
    package var next: Next
    package var hint: String?
    package var fix: String?
    package var endedAt: Timestamp

    package init(
        job: Job, attempt: Attempt, next: Next, hint: String?, fix: String?, endedAt: Timestamp
    ) {
        self.job = job
        self.attempt = attempt
        self.next = next
        self.hint = hint
        self.fix = fix
        self.endedAt = endedAt
    }
}

/// Work the deliverer asks of the store; all of it is done in batches, in order.
package enum DeliveryWork: Sendable {
    case record(Outcome)
    /// Deliveries that were handed over and not tried: back into the store, the attempt undone.
    case giveBack([Job])
    /// Opens attempts of what is due. `oldest` takes by acceptance instead of by due time.
    case claim(destination: String, limit: Int, oldest: Bool)
    case hold(destination: String, Hold)
    /// `byOperator`: one whom an operator held, because the probe they ordered went well.
    case release(destination: String, byOperator: Bool)
    /// The destination rests until then; nil when it does no longer.
    case rest(destination: String, until: Timestamp?, hint: String)
}

/// What the store tells the deliverer, always after the commit.
package enum StoreNews: Sendable {
    /// Fresh deliveries with attempt 1 open.
    case handedOver([Job])
    /// Something is due in the store.
    case waiting(destination: String)
    case claimed(destination: String, jobs: [Job], limit: Int, nextDue: Timestamp?)
    /// What is stored about these people's consent has changed.
    case consentChanged([IdentityKey], at: Int64)
    /// An operator ordered it.
    case released(destination: String)
    case heldByOperator(destination: String)
    case probe(destination: String)
    /// Whether the store cannot be written now.
    case storeFails(Bool)
}

/// Keeps deliveries between attempts.
package protocol DeliveryStore: Sendable {
    /// Takes work in and returns at once; what follows from it comes as news.
    func submit(_ work: [DeliveryWork])
}

/// Free places in the deliverer's memory, shared by the store's writer and the deliverer.
///
/// Whoever hands a delivery over takes a place first; the deliverer gives it back at the end.
package final class Room: Sendable {
    private struct Places {
        var free: [String: Int] = [:]
        var closed: Set<String> = []
    }
    private let places = Locked(Places())

    package init(_ limits: [String: Int] = [:]) {
        places.withLock { $0.free = limits }
    }

    /// Takes a place for a fresh delivery; false when there is none or the destination waits.
    package func takeFresh(_ destination: String) -> Bool {
        places.withLock { places in
            guard !places.closed.contains(destination), let free = places.free[destination],
                free > 0
            else { return false }
            places.free[destination] = free - 1
            return true
        }
    }

    /// Takes up to `count` places for deliveries from the store; says how many.
    func take(_ destination: String, upTo count: Int) -> Int {
        places.withLock { places in
            let taken = min(count, places.free[destination] ?? 0)
            places.free[destination, default: 0] -= taken
            return taken
        }
    }

    /// Places for a destination that is new.
    func open(_ destination: String, _ count: Int) {
        places.withLock { $0.free[destination] = $0.free[destination] ?? count }
    }

    package func give(_ destination: String, _ count: Int = 1) {
        places.withLock { $0.free[destination, default: 0] += count }
    }

    /// Whether fresh deliveries may skip the store's queue.
    func setOpen(_ destination: String, _ open: Bool) {
        places.withLock { places in
            if open {
                places.closed.remove(destination)
            } else {
                places.closed.insert(destination)
            }
        }
    }
}
