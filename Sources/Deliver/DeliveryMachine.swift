package import Events
package import Request

/// Decides what to send, when, and what an answer means; its runtime does it.
///
/// The machine is a value: inputs come in through `handle`, with the time, and actions come out.
/// It reads no clock, takes no lock and calls nobody: with the same seed and the same inputs it
/// decides the same, so that a simulation can run it through any history. `Deliverer` is its
/// runtime in the program. Whatever it waits for is reckoned in steady time, so that no wait is
/// longer or shorter when the wall clock is set; what the store keeps for people is wall time.
///
/// There is one `DestinationQueue` for each destination. After every batch of inputs each queue
/// starts what may start and, when the store has more, asks for a claim. Four things limit it:
///
/// - *Width*: exchanges that may be open at once, and the rate, set or learnt from 429 (`Pace`).
/// - *Memory*: a delivery needs a place in the `Room`, which the store's writer shares. A claim is
///   only a wish. The runtime takes the places and submits the claim for as many as there are, or
///   says that there were none.
/// - *Mode*: open; held, by a wrong set-up or by an operator; resting after failures in a row;
///   probing, with one delivery at a time. Answers move a destination between modes, an operator's
///   hold stays whatever is answered. A delivery that is refused while others are taken fails by
///   itself (`Suspects`).
/// - *Pause*: in any mode, nothing is sent for as long as the destination asked for.
/// - *Consent*: a job whose person changed their mind after it was decided about goes back into the
///   store, which looks again.
///
/// An attempt ends in an `Outcome` for the store to record: delivered, the next request of several,
/// a retry by the schedule, failed, expired, or back into the queue without counting.
package struct DeliveryMachine {
    /// Something that has happened.
    package enum Input: Sendable {
        /// News from the store, in the order of its transactions.
        case news([StoreNews])
        /// News that must count at once; they follow in their place among all news.
        case urgent([UrgentNews])
        /// An attempt has ended; the job as it was sent.
        case ended(Job, Ended)
        case tick
        /// The pipeline has changed: these are the destinations that are open now.
        case limits([String: DeliveryLimits], known: [String: DestinationRecord])
        /// Begin nothing more; give back what was not begun.
        case drain
    }

    /// The end of a started attempt.
    package struct Ended: Sendable {
        package enum Result: Sendable {
            case exchanged(TransportResult)
            case unbuildable(BuildFault)
        }
        package var result: Result
        /// The blueprint's rules for reading the answer, the most special first.
        package var rules: [AnswerRule]
        package var startedAt: Moment
        /// The answer's text, secrets masked.
        package var answer: String?
        /// The pipeline names the request's address for this event's name alone.
        package var hasOwnAddress = false

        package init(
            result: Result, rules: [AnswerRule] = [], startedAt: Moment, answer: String? = nil
        ) {
            self.result = result
            self.rules = rules
            self.startedAt = startedAt
            self.answer = answer
        }
    }

    /// Something that the runtime has to do, in order.
    package enum Action: Sendable {
        case start(Job)
        case store(DeliveryWork)
        /// Take places and submit the claim; without any, call `claimFoundNoPlace`.
        case claim(Claim)
        case room(Room.Change)
        /// An operator has to know.
        case alert(Alert)
    }

    private var queues: [DestinationQueue] = []
    /// The place of each destination's queue in `queues`; queues are never removed.
    private var indices: [String: Int] = [:]
    private var consent = ConsentChanges()
    /// Nothing more is begun.
    package private(set) var isDraining = false
    /// Nothing can be recorded, so nothing is begun.
    private var storeFails = false
    private let schedule: Schedule
    private let classifier = Classifier()
    private var jitter: Jitter
    private var watch: ClockWatch

    /// - Parameters:
    ///   - limits: of every destination that deliveries may go to.
    ///   - known: what the store knows of the destinations.
    ///   - jitter: spreads retries.
    package init(
        limits: [String: DeliveryLimits], known: [String: DestinationRecord] = [:],
        schedule: Schedule, now: Moment, jitter: Jitter
    ) {
        self.schedule = schedule
        self.jitter = jitter
        watch = ClockWatch(now)
        for (name, limit) in limits { addQueue(name, limits: limit, known: known[name], now: now) }
    }

    private mutating func addQueue(
        _ name: String, limits: DeliveryLimits, known: DestinationRecord?, now: Moment
    ) {
        indices[name] = queues.count
        queues.append(
            DestinationQueue(name: name, limits: limits, known: known, turn: turn(at: now)))
    }

    private func turn(at now: Moment) -> DestinationQueue.Turn {
        .init(now: now, schedule: schedule, classifier: classifier)
    }

    /// Deliveries that have been started and have not ended, and claims that will be answered.
    package var active: Int {
        queues.reduce(0) { count, queue in
            count + queue.active.count + (queue.stored.isClaiming && !storeFails ? 1 : 0)
        }
    }

    /// The steady time to look again though nothing has happened; nil for never.
    package func nextWake(now: Moment) -> Timestamp? {
        isDraining || storeFails ? nil : queues.compactMap { $0.nextWake(now: now) }.min()
    }

    /// The room had no place for a claim: it is asked for again with the next input.
    package mutating func claimFoundNoPlace(for destination: String) {
        if let index = indices[destination] { queues[index].claimFoundNoPlace() }
    }

    /// Takes in what has happened and says what is to be done.
    package mutating func handle(_ input: Input, now: Moment) -> [Action] {
        handle([input], now: now)
    }

    /// Takes in all that has happened, in order, and says what is to be done.
    package mutating func handle(_ inputs: [Input], now: Moment) -> [Action] {
        var actions: [Action] = []
        var turn = turn(at: now)
        if watch.step(at: now) != nil {
            for index in queues.indices { queues[index].clockWasSet(in: turn, into: &actions) }
        }
        for input in inputs {
            switch input {
            case .news(let news): for item in news { hear(item, in: turn, into: &actions) }
            case .urgent(let news): for item in news { hear(item) }
            case .ended(let job, let ended):
                guard let index = indices[job.id.destination] else { continue }
                turn.jitter = jitter.next()
                queues[index].end(job, as: ended, in: turn, into: &actions)
            case .tick: break
            case .limits(let limits, let known):
                change(limits, known: known, in: turn, into: &actions)
            case .drain: isDraining = true
            }
        }
        advance(in: turn, into: &actions)
        return actions
    }

    private mutating func advance(
        in turn: DestinationQueue.Turn, into actions: inout [Action]
    ) {
        let mayBegin = !isDraining && !storeFails
        for index in queues.indices {
            if mayBegin { queues[index].passTime(in: turn, into: &actions) }
            if isDraining || queues[index].isClosed { queues[index].giveBackReady(&actions) }
            if mayBegin {
                queues[index].advance(in: turn, consent: consent, into: &actions)
            } else {
                queues[index].tellFreed(&actions)
            }
        }
        if mayBegin, !consent.isEmpty,
            queues.allSatisfy({ $0.ready.isEmpty && $0.active.isEmpty })
        {
            consent.forget()
        }
    }

    /// A destination that is gone or switched off begins nothing more; a new one begins.
    private mutating func change(
        _ limits: [String: DeliveryLimits], known: [String: DestinationRecord],
        in turn: DestinationQueue.Turn, into actions: inout [Action]
    ) {
        for index in queues.indices {
            // What was decided by the pipeline before is looked at again.
            queues[index].giveBackReady(&actions)
            let name = queues[index].name
            let wasOff = queues[index].isOff
            queues[index].isOff = limits[name] == nil
            guard let limit = limits[name] else { continue }
            // It may have been held while it was off.
            if wasOff, let kind = known[name]?.hold {
                queues[index].close(for: kind, turn: turn)
            }
            queues[index].change(limit, now: turn.now)
        }
        for (name, limit) in limits where indices[name] == nil {
            actions.append(.room(.open(destination: name, places: limit.inMemory)))
            addQueue(name, limits: limit, known: known[name], now: turn.now)
        }
    }

    private mutating func hear(_ news: UrgentNews) {
        switch news {
        case .consentChanged(let keys, let change): consent.hearEarly(keys, at: change)
        case .heldByOperator(let destination): hold(destination)
        }
    }

    private mutating func hear(
        _ news: StoreNews, in turn: DestinationQueue.Turn, into actions: inout [Action]
    ) {
        switch news {
        case .handedOver(let jobs):
            for job in jobs {
                if let index = indices[job.id.destination] { queues[index].ready.append(job) }
            }
        case .waiting(let destination):
            if let index = indices[destination] { queues[index].stored.isDue = true }
        case .claimed(let destination, let jobs, let limit, let nextDue):
            if let index = indices[destination] {
                queues[index].claimed(
                    jobs, limit: limit, nextDue: nextDue, in: turn, into: &actions)
            }
        case .consentChanged(let keys, let change): consent.hear(keys, at: change)
        case .released(let destination):
            if let index = indices[destination] { queues[index].release() }
        case .heldByOperator(let destination): hold(destination)
        case .probe(let destination):
            if let index = indices[destination] { queues[index].probeOnOrder() }
        case .storeFails(let fails): storeFails = fails
        }
    }

    private mutating func hold(_ destination: String) {
        if let index = indices[destination] { queues[index].mode = .heldByOperator }
    }
}
