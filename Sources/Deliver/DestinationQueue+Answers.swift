import Events
import Request

extension DestinationQueue {
    /// The end of an attempt, and what it means.
    struct Answer {
        let job: Job
        let judgement: Judgement
        /// The HTTP status of a complete answer.
        let status: Int?

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
        let judgement = judge(ended, by: turn.classifier)
        let next = next(for: job, after: ended, judged: judgement, in: turn)
        var attempt = Attempt(
            run: job.run, number: job.attempt, step: job.step, startedAt: ended.startedAt)
        attempt.duration = Int(max(0, turn.now.since(ended.startedAt).milliseconds))
        attempt.answerClass = judgement.answerClass
        attempt.note = judgement.note
        attempt.answer = ended.answer
        if case .exchanged(.answer(let answer)) = ended.result { attempt.status = answer.status }
        actions.append(
            .store(
                .record(
                    Outcome(
                        job: job, attempt: attempt, next: next, hint: judgement.hint,
                        fix: judgement.fix, endedAt: turn.now))))
        if next == .nextStep {
            // It keeps its place in memory and goes first; whether it may start is decided like
            // any other.
            ready.prepend(job.following())
        } else {
            freePlace()
        }
        if case .retry(let due, _) = next { stored.fallsDue(at: due) }
        if !ended.isStale { count(judgement.answerClass, now: turn.now) }
        weigh(
            Answer(job: job, judgement: judgement, status: attempt.status), in: turn,
            into: &actions)
    }

    /// Keeps count of what the answer says about the destination and the speed it takes.
    private mutating func count(_ answerClass: AnswerClass, now: Timestamp) {
        switch answerClass {
        case .delivered, .invalid:
            pace.speedUp(limit: limits.inFlight, now: now)
            failures = 0
            rests = 0
        case .throttle: pace.slowDown(active: active.count, now: now)
        case .transient, .unknown: failures += 1
        case .setup: break
        }
    }

    private mutating func judge(
        _ ended: DeliveryMachine.Ended, by classifier: Classifier
    ) -> Judgement {
        switch ended.result {
        case .unbuildable(.destinationGone):
            return Judgement(
                answerClass: .invalid, note: "the destination is gone",
                hint: "The destination is gone from the pipeline or switched off.",
                fix: "Nothing to do: the delivery is kept for it.")
        case .unbuildable(.unbuildable(let fault)):
            return Judgement(
                answerClass: .invalid, note: fault.detail, hint: fault.reason.sentence,
                fix: fault.reason.hint)
        case .exchanged(let result):
            let judgement = classifier.judge(result, rules: ended.rules, missingBefore: missing)
            if case .answer(let answer) = result {
                // A person that is not there says nothing about the address.
                let isMissing = answer.status == 404 && judgement.answerClass != .invalid
                missing = isMissing ? missing + 1 : 0
            }
            return judgement
        }
    }

    private func next(
        for job: Job, after ended: DeliveryMachine.Ended, judged judgement: Judgement,
        in turn: Turn
    ) -> Outcome.Next {
        var retryAfter: Duration?
        switch ended.result {
        case .unbuildable(.destinationGone): return .requeue
        case .unbuildable(.unbuildable(let fault)):
            return .failed(fault.reason, detail: fault.detail)
        case .exchanged(.failure(let failure)):
            if failure.kind == .cancelled { return .requeue }
            if ended.isStale, job.tries == 0 {
                return .retry(due: turn.now, leavesLane: false)
            }
        case .exchanged(.answer(let answer)): retryAfter = answer.retryAfter
        }
        switch judgement.answerClass {
        case .delivered: return job.step + 1 < job.requests.count ? .nextStep : .delivered
        case .invalid: return .failed(.refused, detail: nil)
        case .setup: return .requeue
        case .throttle, .transient, .unknown:
            let next = turn.schedule.next(
                after: job.tries + 1, retryAfter: retryAfter, jitter: turn.jitter,
                now: turn.now)
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
