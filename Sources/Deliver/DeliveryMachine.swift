package import Events

/// Decides what to send, when, and what an answer means; its caller does it.
///
/// Everything that happens comes in through `handle`, with the time, so that a simulation can run
/// it through any history. One instance belongs to one thread.
package struct DeliveryMachine {
    /// What has happened.
    package enum Input: Sendable {
        /// All that one transaction led to.
        case news([StoreNews])
        /// The job as it was sent.
        case ended(Job, Ended)
        /// News that must not wait for its place; it comes again there.
        case ahead([StoreNews])
        case tick
        /// The pipeline has changed: these are the destinations now.
        case limits([String: DeliveryLimits], held: [String: HoldKind])
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
        package var rules: [AnswerRule]
        package var startedAt: Timestamp
        /// The answer's text, secrets masked.
        package var answer: String?

        package init(
            result: Result, rules: [AnswerRule] = [], startedAt: Timestamp, answer: String? = nil
        ) {
            self.result = result
            self.rules = rules
            self.startedAt = startedAt
            self.answer = answer
        }
    }

    /// What is to be done.
    package enum Action: Sendable {
        case start(Job)
        case store(DeliveryWork)
        /// An operator has to know.
        case alert(Alert)
    }

    private var queues: [String: DestinationQueue] = [:]
    /// People whose consent changed while deliveries were in memory, and when.
    private var changed: [IdentityKey: Int64] = [:]
    /// Changes of consent that have been told ahead: deliveries that were decided before may still
    /// come.
    private var toldAhead = 0
    /// Nothing more is begun.
    package private(set) var isDraining = false
    /// Nothing can be recorded, so nothing is begun.
    private var storeFails = false
    private let schedule: Schedule
    private let classifier = Classifier()
    private let room: Room
    private let jitter: @Sendable () -> Double

    package init(
        limits: [String: DeliveryLimits], held: [String: HoldKind], schedule: Schedule, room: Room,
        now: Timestamp, jitter: @escaping @Sendable () -> Double
    ) {
        self.schedule = schedule
        self.room = room
        self.jitter = jitter
        for (name, limit) in limits { add(name, limit, held[name], now) }
    }

    private mutating func add(
        _ name: String, _ limit: DeliveryLimits, _ hold: HoldKind?, _ now: Timestamp
    ) {
        let queue = DestinationQueue(
            name: name, limits: limit, hold: hold, now: now, probe: schedule.probeInterval)
        room.setOpen(name, queue.mode == .open)
        queues[name] = queue
    }

    /// Deliveries that have been started and have not ended, and claims that will be answered.
    package var active: Int {
        queues.values.reduce(0) { $0 + $1.active.count + ($1.claiming && !storeFails ? 1 : 0) }
    }

    package func nextWake(now: Timestamp) -> Timestamp? {
        isDraining ? nil : queues.values.compactMap { $0.nextWake(now: now) }.min()
    }

    package mutating func handle(_ inputs: [Input], now: Timestamp) -> [Action] {
        var actions: [Action] = []
        for input in inputs {
            switch input {
            case .news(let news):
                for item in news { take(item) }
                toldAhead = max(0, toldAhead - Self.consentChanges(in: news))
            case .ahead(let news):
                for item in news { take(item) }
                toldAhead += Self.consentChanges(in: news)
            case .ended(let job, let ended): end(job, ended, now, &actions)
            case .tick: break
            case .limits(let limits, let held): change(limits, held, now, &actions)
            case .drain: isDraining = true
            }
        }
        for queue in queues.values { advance(queue, now, &actions) }
        return actions
    }

    private static func consentChanges(in news: [StoreNews]) -> Int {
        news.count { if case .consentChanged = $0 { true } else { false } }
    }

    package mutating func handle(_ input: Input, now: Timestamp) -> [Action] {
        handle([input], now: now)
    }

    /// What is gone or switched off begins nothing more; what is new begins.
    private mutating func change(
        _ limits: [String: DeliveryLimits], _ held: [String: HoldKind], _ now: Timestamp,
        _ actions: inout [Action]
    ) {
        for (name, queue) in queues {
            // What was decided by the pipeline before is looked at again.
            giveBackReady(queue, &actions)
            let wasOff = queue.isOff
            queue.isOff = limits[name] == nil
            // It may have been held while it was off.
            if wasOff, !queue.isOff, let kind = held[name] {
                queue.hold(kind, now: now, probe: schedule.probeInterval)
            }
            if let limit = limits[name] { queue.change(limit, now: now) }
        }
        for (name, limit) in limits where queues[name] == nil {
            room.open(name, limit.inMemory)
            add(name, limit, held[name], now)
        }
    }

    private mutating func take(_ news: StoreNews) {
        switch news {
        case .handedOver(let jobs):
            for job in jobs { queues[job.id.destination]?.ready.append(job) }
        case .waiting(let destination): queues[destination]?.waiting = true
        case .claimed(let destination, let jobs, let limit, let nextDue):
            room.give(destination, limit - jobs.count)
            queues[destination]?.take(jobs, limit, nextDue)
        case .consentChanged(let keys, let at):
            for key in keys { changed[key] = at }
        case .released(let destination):
            queues[destination]?.heldByOperator = false
            queues[destination]?.probe(after: .hold(persisted: false))
        case .heldByOperator(let destination):
            queues[destination]?.heldByOperator = true
            queues[destination]?.mode = .held(nextProbe: nil)
        case .probe(let destination):
            if case .held? = queues[destination]?.mode {
                queues[destination]?.probe(after: .hold(persisted: true))
            } else if case .resting? = queues[destination]?.mode {
                queues[destination]?.probe(after: .rest)
            }
        case .storeFails(let fails): storeFails = fails
        }
    }

    /// Starts what may start and asks the store for more.
    private mutating func advance(
        _ queue: DestinationQueue, _ now: Timestamp, _ actions: inout [Action]
    ) {
        if queue.isOff { room.setOpen(queue.name, false) }
        if isDraining || queue.isClosed { giveBackReady(queue, &actions) }
        guard !isDraining, !storeFails else { return }
        while let job = queue.nextToStart(now: now) {
            if !changed.isEmpty,
                job.identity.keys.contains(where: { changed[$0] ?? .min > job.decidedAt })
            {
                queue.active.remove(job.id.event)
                room.give(queue.name)
                actions.append(.store(.giveBack([job])))
            } else {
                actions.append(.start(job))
            }
        }
        let wanted = queue.claimSize(now: now)
        let places = wanted > 0 ? room.take(queue.name, upTo: wanted) : 0
        if places > 0 {
            queue.claiming = true
            queue.waiting = false
            let oldest = queue.mode != .open
            actions.append(
                .store(.claim(destination: queue.name, limit: places, oldest: oldest)))
        }
        room.setOpen(queue.name, queue.mode == .open && !queue.isOff && !queue.backlog)
        if !changed.isEmpty, toldAhead == 0,
            queues.values.allSatisfy({ $0.ready.isEmpty && $0.active.isEmpty })
        {
            changed = [:]
        }
    }

    private func giveBackReady(_ queue: DestinationQueue, _ actions: inout [Action]) {
        let jobs = queue.ready.removeAll()
        guard !jobs.isEmpty else { return }
        room.give(queue.name, jobs.count)
        actions.append(.store(.giveBack(jobs)))
    }

    private mutating func end(
        _ job: Job, _ ended: Ended, _ now: Timestamp, _ actions: inout [Action]
    ) {
        guard let queue = queues[job.id.destination],
            queue.active.remove(job.id.event) != nil
        else { return }
        let judgement = judge(ended, queue)
        let next = next(for: job, ended, judgement, now)
        var attempt = Attempt(
            run: job.run, number: job.attempt, step: job.step, startedAt: ended.startedAt)
        attempt.duration = Int(max(0, now - ended.startedAt))
        attempt.answerClass = judgement.answerClass
        attempt.note = judgement.note
        attempt.answer = ended.answer
        if case .exchanged(.answer(let answer)) = ended.result { attempt.status = answer.status }
        actions.append(
            .store(
                .record(
                    Outcome(
                        job: job, attempt: attempt, next: next, hint: judgement.hint,
                        fix: judgement.fix, endedAt: now))))
        if next == .nextStep {
            // It keeps its place in memory and goes first; whether it may start is decided like
            // any other.
            queue.ready.prepend(job.following())
        } else {
            room.give(queue.name)
        }
        if case .retry(let due, _) = next { queue.noteDue(due) }
        switch judgement.answerClass {
        case .setup: hold(queue, job, judgement, attempt.status, now, &actions)
        case .delivered, .invalid: queue.succeeded(now: now)
        case .throttle: queue.refused(now: now)
        case .transient, .unknown: failed(queue, job, judgement, now, &actions)
        }
        weighProbe(queue, judgement.answerClass, attempt.status, now, &actions)
    }

    /// Counts a failure of the destination itself; after so many in a row it rests.
    private func failed(
        _ queue: DestinationQueue, _ job: Job, _ judgement: Judgement, _ now: Timestamp,
        _ actions: inout [Action]
    ) {
        queue.failures += 1
        guard queue.mode == .open, queue.failures >= schedule.breakerFailures else { return }
        rest(queue, judgement.hint ?? "", now, &actions)
        actions.append(
            .alert(
                Alert(
                    kind: .resting, destination: queue.name, at: now,
                    hint: judgement.hint ?? "It does not answer.", fix: judgement.fix ?? "",
                    delivery: job.id.text)))
    }

    private func rest(
        _ queue: DestinationQueue, _ hint: String, _ now: Timestamp, _ actions: inout [Action]
    ) {
        let until = now + schedule.restTime(after: queue.rests)
        queue.rests += 1
        queue.mode = .resting(until: until)
        actions.append(.store(.rest(destination: queue.name, until: until, hint: hint)))
    }

    private func judge(_ ended: Ended, _ queue: DestinationQueue) -> Judgement {
        switch ended.result {
        case .unbuildable(let fault):
            return Judgement(
                answerClass: .invalid, note: fault.detail, hint: fault.reason.sentence,
                fix: fault.reason.hint)
        case .exchanged(let result):
            let missing = queue.missing
            let judgement = classifier.judge(
                result, rules: ended.rules, missingBefore: missing)
            if case .answer(let answer) = result {
                // A person that is not there says nothing about the address.
                let isMissing = answer.status == 404 && judgement.answerClass != .invalid
                queue.missing = isMissing ? missing + 1 : 0
            }
            return judgement
        }
    }

    private func next(
        for job: Job, _ ended: Ended, _ judgement: Judgement, _ now: Timestamp
    ) -> Outcome.Next {
        if case .unbuildable(let fault) = ended.result {
            // A destination that is gone from the pipeline keeps what waits for it.
            return fault.reason == .dropped
                ? .requeue : .failed(fault.reason, detail: fault.detail)
        }
        var retryAfter: Int?
        if case .exchanged(.answer(let answer)) = ended.result { retryAfter = answer.retryAfter }
        if case .exchanged(.failure(let failure)) = ended.result, failure.kind == .cancelled {
            return .requeue
        }
        switch judgement.answerClass {
        case .delivered: return job.step + 1 < job.requests.count ? .nextStep : .delivered
        case .invalid: return .failed(.refused, detail: nil)
        case .setup: return .requeue
        case .throttle, .transient, .unknown:
            let next = schedule.next(
                after: job.tries + 1, retryAfter: retryAfter, jitter: jitter(), now: now)
            return next.map { .retry(due: $0.due, leavesLane: $0.leavesLane) } ?? .expired
        }
    }

    /// Opens a destination whose probe shows that it is right again; an answer that shows nothing
    /// puts it back.
    private func weighProbe(
        _ queue: DestinationQueue, _ answerClass: AnswerClass, _ status: Int?, _ now: Timestamp,
        _ actions: inout [Action]
    ) {
        guard case .probing(let after) = queue.mode, answerClass != .setup else { return }
        if answerClass != .transient && status != nil && status != 404 {
            queue.mode = .open
            queue.waiting = true
            queue.ramp = after == .rest ? 1 : nil
            switch after {
            case .rest:
                actions.append(.store(.rest(destination: queue.name, until: nil, hint: "")))
            case .hold(persisted: true):
                let ordered = queue.heldByOperator
                queue.heldByOperator = false
                actions.append(
                    .store(.release(destination: queue.name, byOperator: ordered)))
            case .hold(persisted: false): break
            }
        } else if answerClass == .transient {
            switch after {
            case .rest: rest(queue, "It still does not answer.", now, &actions)
            case .hold(persisted: true): queue.mode = .held(nextProbe: nextProbe(queue, now))
            case .hold(persisted: false): break
            }
        }
    }

    /// What an operator holds is not tried by itself.
    private func nextProbe(_ queue: DestinationQueue, _ now: Timestamp) -> Timestamp? {
        queue.heldByOperator ? nil : now + schedule.probeInterval * 1000
    }

    private func hold(
        _ queue: DestinationQueue, _ job: Job, _ judgement: Judgement, _ status: Int?,
        _ now: Timestamp, _ actions: inout [Action]
    ) {
        let before = queue.mode
        if case .held(nextProbe: nil) = before { return }
        queue.mode = .held(nextProbe: nextProbe(queue, now))
        switch before {
        case .held, .probing(.hold(persisted: true)): return
        default: break
        }
        let hold = Hold(
            since: now, status: status, hint: judgement.hint ?? "", fix: judgement.fix ?? "",
            delivery: job.id.text)
        actions.append(.store(.hold(destination: queue.name, hold)))
        actions.append(
            .alert(
                Alert(
                    kind: .held, destination: queue.name, at: now, hint: hold.hint, fix: hold.fix,
                    delivery: hold.delivery)))
    }
}
