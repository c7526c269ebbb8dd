import Events
import Request

extension DestinationQueue {
    /// The end of an attempt, and what it means.
    struct Answer {
        let job: Job
        let judgement: Judgement
        /// The HTTP status of a complete answer.
        let status: Int?
        /// False when there was no request to send.
        let wasSent: Bool

        /// True when the answer proves that the destination is set up right and takes requests.
        var showsItWorks: Bool {
            judgement.answerClass != .transient && judgement.answerClass != .setup
                && status != nil && status != 404
        }
    }

    /// Decides where a delivery goes whose attempt has ended, and how the destination goes on.
    mutating func end(
        _ job: Job, as ended: DeliveryMachine.Ended, in turn: Turn,
        into actions: inout [DeliveryMachine.Action]
    ) {
        guard finish(job) else { return }
        if case .unbuildable(.destinationGone) = ended.result {
            // Nothing was sent: it waits as if it had not been begun.
            freePlace()
            actions.append(.store(.giveBack([job])))
            return
        }
        var judgement = judge(ended, of: job, in: turn, into: &actions)
        let pause = askedPause(ended.result, judgement.answerClass, in: turn)
        if let pause { judgement.add(pause.note) }
        // An address of one event's own says nothing about the addresses of others.
        if ended.hasOwnAddress, judgement.answerClass.mayPass { judgement.isOfAddress = true }
        var next = next(for: job, after: ended, judged: judgement, in: turn)
        if judgement.isOfAddress, let pause { next.wait(pause.length, in: turn) }
        let answer = Answer(
            job: job, judgement: judgement, status: ended.result.status,
            wasSent: ended.result.wasSent)
        if !ended.isStale { count(answer, in: turn, into: &actions) }
        record(answer, of: ended, next: next, in: turn, into: &actions)
        if next == .nextStep {
            // It keeps its place in memory and goes first; whether it may start is decided like
            // any other.
            ready.prepend(job.following())
        } else {
            freePlace()
        }
        if case .retry(let due, _) = next { stored.fallsDue(at: turn.now.steady(at: due)) }
        if !ended.isStale { weigh(answer, in: turn, into: &actions) }
        if let pause, !judgement.isOfAddress { begin(pause, in: turn, into: &actions) }
        if next.isFinal, suspects.remove(job.id.event) { saveSuspects(&actions) }
    }

    private func record(
        _ answer: Answer, of ended: DeliveryMachine.Ended, next: Outcome.Next, in turn: Turn,
        into actions: inout [DeliveryMachine.Action]
    ) {
        let job = answer.job
        var attempt = Attempt(
            run: job.run, number: job.attempt, step: job.step, startedAt: ended.startedAt.wall)
        attempt.duration = Int(
            max(0, turn.now.steady.since(ended.startedAt.steady).milliseconds))
        attempt.answerClass = answer.judgement.answerClass
        attempt.note = answer.judgement.note
        attempt.answer = ended.answer
        attempt.status = answer.status
        var outcome = Outcome(
            job: job, attempt: attempt, next: next, hint: answer.judgement.hint,
            fix: answer.judgement.fix, endedAt: turn.now.wall)
        outcome.refusedInARow = refusedInARow
        actions.append(.store(.record(outcome)))
    }

    /// Keeps count of what the answer says about the destination and the speed it takes.
    ///
    /// An event that could not become a request says nothing about it, but is refused like others.
    private mutating func count(
        _ answer: Answer, in turn: Turn, into actions: inout [DeliveryMachine.Action]
    ) {
        guard answer.wasSent else { return }
        switch answer.judgement.answerClass {
        case .delivered: refusedInARow = 0
        case .invalid: refused(by: answer, in: turn, into: &actions)
        case .throttle, .transient, .unknown, .setup: break
        }
        switch answer.judgement.answerClass {
        case .delivered, .invalid:
            pace.speedUp(limit: limits.inFlight, now: turn.now.steady)
            failures = 0
            rests = 0
        case .throttle where answer.judgement.isOfAddress: break
        case .throttle: pace.slowDown(active: active.count, now: turn.now.steady)
        case .transient, .unknown: if !answer.judgement.isOfAddress { failures += 1 }
        case .setup: break
        }
    }

    /// Counts an event that was refused; so many in a row are most likely all of them.
    private mutating func refused(
        by answer: Answer, in turn: Turn, into actions: inout [DeliveryMachine.Action]
    ) {
        refusedInARow += 1
        guard refusedInARow == RefusedInARow.told else { return }
        tell(
            .refusing, about: answer, in: turn,
            news: "\(RefusedInARow.told) deliveries in a row were refused.", into: &actions)
    }

    /// Tells an operator what an answer showed.
    func tell(
        _ kind: Alert.Kind, about answer: Answer, in turn: Turn, news: String? = nil,
        into actions: inout [DeliveryMachine.Action]
    ) {
        let hint = [news, answer.judgement.hint].compactMap { $0 }.joined(separator: " ")
        actions.append(
            .alert(
                Alert(
                    kind: kind, destination: name, at: turn.now.wall, hint: hint,
                    fix: answer.judgement.fix ?? "", delivery: answer.job.id.text)))
    }

    // MARK: What an answer means

    private mutating func judge(
        _ ended: DeliveryMachine.Ended, of job: Job, in turn: Turn,
        into actions: inout [DeliveryMachine.Action]
    ) -> Judgement {
        guard case .exchanged(let result) = ended.result else {
            return Judgement(ended.result.fault)
        }
        // What single events have as their address says nothing about the others'.
        let before = ended.hasOwnAddress ? 0 : missing
        var judgement = turn.classifier.judge(result, rules: ended.rules, missingBefore: before)
        if case .answer(let answer) = result, !ended.hasOwnAddress {
            // A person that is not there says nothing about the address.
            let isMissing = answer.status == 404 && judgement.answerClass != .invalid
            missing = isMissing ? missing + 1 : 0
        }
        if ended.hasOwnAddress {
            judgeAddress(&judgement, result, of: job, in: turn, into: &actions)
        }
        return judgement
    }

    /// An address that one event's name has for itself and that is wrong: its deliveries are tried
    /// on schedule, all others go on, and an operator is told once.
    private mutating func judgeAddress(
        _ judgement: inout Judgement, _ result: TransportResult, of job: Job, in turn: Turn,
        into actions: inout [DeliveryMachine.Action]
    ) {
        let event = job.event.label
        if judgement.answerClass == .delivered { wrongAddresses.remove(event) }
        let isWrong = judgement.answerClass == .setup || result.status == 404
        guard isWrong, judgement.answerClass != .invalid else { return }
        judgement.answerClass = .transient
        judgement.isOfAddress = true
        judgement.hint =
            "The address for \"\(event)\" does not take it: \(judgement.hint ?? "")"
        guard wrongAddresses.insert(event).inserted else { return }
        let answer = Answer(
            job: job, judgement: judgement, status: result.status, wasSent: true)
        tell(.wrongAddress, about: answer, in: turn, into: &actions)
    }

    private func next(
        for job: Job, after ended: DeliveryMachine.Ended, judged judgement: Judgement,
        in turn: Turn
    ) -> Outcome.Next {
        switch ended.result {
        case .unbuildable(.destinationGone): return .requeue
        case .unbuildable(.unbuildable(let fault)):
            return .failed(fault.reason, detail: fault.detail)
        case .exchanged(.failure(let failure)) where failure.kind == .cancelled: return .requeue
        case .exchanged: break
        }
        if ended.isStale, job.tries == 0 {
            return .retry(due: turn.now.wall, leavesLane: false)
        }
        switch judgement.answerClass {
        case .delivered: return job.step + 1 < job.requests.count ? .nextStep : .delivered
        case .invalid: return .failed(.refused, detail: nil)
        case .setup: return .requeue
        case .throttle, .transient, .unknown:
            let next = turn.schedule.next(
                after: job.tries + 1, jitter: turn.jitter, now: turn.now.wall)
            return next.map { .retry(due: $0.due, leavesLane: $0.leavesLane) } ?? .expired
        }
    }
}

extension DeliveryMachine.Ended {
    /// A kept connection or token had ended: the retry goes at once, without it.
    fileprivate var isStale: Bool {
        guard case .exchanged(.failure(let failure)) = result else { return false }
        return failure.kind.isStale
    }
}

extension DeliveryMachine.Ended.Result {
    /// The HTTP status of a complete answer.
    var status: Int? { if case .exchanged(let result) = self { result.status } else { nil } }

    /// False when there was no request to send.
    var wasSent: Bool { if case .exchanged = self { true } else { false } }

    /// The reason for which the event could not become a request.
    fileprivate var fault: RequestFault? {
        if case .unbuildable(.unbuildable(let fault)) = self { fault } else { nil }
    }
}

extension TransportResult {
    /// The HTTP status of a complete answer.
    fileprivate var status: Int? {
        if case .answer(let answer) = self { answer.status } else { nil }
    }
}

extension Judgement {
    /// The meaning of an event that could not become a request.
    fileprivate init(_ fault: RequestFault?) {
        self.init(
            answerClass: .invalid, note: fault?.detail, hint: fault?.reason.sentence,
            fix: fault?.reason.hint)
    }

    /// Puts a sentence behind the note.
    fileprivate mutating func add(_ sentence: String) {
        note = [note, sentence].compactMap { $0 }.joined(separator: " ")
    }
}

extension AnswerClass {
    /// True when the same request may be taken later.
    fileprivate var mayPass: Bool { self == .throttle || self == .transient || self == .unknown }
}

extension Outcome.Next {
    /// Moves a retry to a time that is no earlier than after a pause.
    fileprivate mutating func wait(_ pause: Duration, in turn: DestinationQueue.Turn) {
        guard case .retry(let due, let leavesLane) = self else { return }
        self = .retry(
            due: max(due, turn.now.wall + pause),
            leavesLane: leavesLane || pause > turn.schedule.laneHold)
    }
}
