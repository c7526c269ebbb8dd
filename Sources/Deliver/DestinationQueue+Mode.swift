import Events
import Request

extension DestinationQueue {
    /// The way a destination is sent to, or the reason why nothing is sent.
    ///
    /// Times are steady times: no mode lasts longer because the wall clock was set.
    enum Mode: Equatable {
        case open
        /// The set-up is wrong: nothing is sent until one delivery is tried at that moment.
        case held(probeAt: Timestamp)
        /// An operator holds it: nothing is sent until they say so.
        case heldByOperator
        /// Too many attempts in a row failed: nothing is sent until then.
        case resting(until: Timestamp)
        /// One delivery at a time, until an answer shows how the destination is.
        case probing(Probe, Candidate)

        /// Nothing is sent.
        var isClosed: Bool {
            switch self {
            case .held, .heldByOperator, .resting: true
            case .open, .probing: false
            }
        }
    }

    /// The state before a probe, and so what its answer decides.
    enum Probe: Equatable {
        /// Held for its set-up; the store knows the hold and is told of its end.
        case ofHold
        /// Held by an operator, who ordered this probe.
        case ofOperatorsHold
        /// Released by an operator; the store has no hold any more.
        case afterRelease
        case afterRest
    }

    /// The delivery that a probe takes.
    enum Candidate: Equatable {
        /// The oldest that is not spared; when all are, the count begins anew with the oldest.
        case unspared
        /// Another one than those that are spared, at once after this one of them was refused.
        ///
        /// `afterOthers`: others had been taken since it was refused before. Then it fails, unless
        /// the next one is refused too.
        case another(than: DeliveryID, afterOthers: Bool)
    }

    // MARK: Orders and time

    /// Closes the destination as the store knows it was closed.
    mutating func close(for kind: HoldKind, turn: Turn) {
        switch kind {
        case .setup: mode = .held(probeAt: turn.probeAt)
        case .operatorOrder: mode = .heldByOperator
        }
    }

    /// One delivery may be tried.
    mutating func probe(_ probe: Probe, _ candidate: Candidate = .unspared) {
        mode = .probing(probe, candidate)
        stored.isDue = true
    }

    /// An operator released the destination, whatever it waited for.
    mutating func release() {
        cutPause()
        probe(.afterRelease)
    }

    /// An operator ordered a probe; a destination that is open or probed already needs none.
    mutating func probeOnOrder() {
        let wasPausing = pausingUntil != nil
        cutPause()
        switch mode {
        case .held: probe(.ofHold)
        case .heldByOperator: probe(.ofOperatorsHold)
        case .resting: probe(.afterRest)
        case .open: if wasPausing { probe(.afterRelease) }
        case .probing: break
        }
    }

    /// Does what is due by the time that has passed.
    mutating func passTime(in turn: Turn, into actions: inout [DeliveryMachine.Action]) {
        endPause(in: turn, into: &actions)
        switch mode {
        case .held(let probeAt) where probeAt <= turn.now.steady: probe(.ofHold)
        case .resting(let until) where until <= turn.now.steady: probe(.afterRest)
        default: break
        }
    }

    /// Shows by the new wall clock what the destination waits for, and looks into the store again.
    mutating func clockWasSet(in turn: Turn, into actions: inout [DeliveryMachine.Action]) {
        stored.isDue = true
        stored.nextDue = nil
        savePause(in: turn, into: &actions)
        if case .resting(let until) = mode { saveRest(until, in: turn, into: &actions) }
    }

    /// The store had no delivery for a probe.
    mutating func foundNoCandidate(
        in turn: Turn, into actions: inout [DeliveryMachine.Action]
    ) {
        guard case .probing(let probe, let candidate) = mode else { return }
        switch candidate {
        case .unspared where !suspects.spared.isEmpty:
            suspects = Suspects()
            saveSuspects(&actions)
            self.probe(probe)
        case .unspared: break
        case .another(let refused, afterOthers: true):
            fail(refused, &actions)
            open(after: probe, into: &actions)
        case .another(let refused, afterOthers: false) where suspects.spared.count > 1:
            // The other spared ones are looked at again before nobody is.
            suspects.keep(only: refused.event)
            saveSuspects(&actions)
            self.probe(probe, candidate)
        case .another: mode = closed(after: probe, in: turn)
        }
    }

    // MARK: Answers

    /// Changes the mode by an answer; the counters are up to date.
    ///
    /// In memory, this is the only place where an operator's hold outranks what answers say. The
    /// store repeats the rule for work that was submitted before it (`StoreWriter.perform`).
    mutating func weigh(
        _ answer: Answer, in turn: Turn, into actions: inout [DeliveryMachine.Action]
    ) {
        switch (mode, answer.judgement.answerClass) {
        case (.heldByOperator, _): break
        // It was under way with the one that the probe is to tell of.
        case (.probing(_, .another), .setup) where suspects.isSpared(answer.job.id.event): break
        case (.probing(let probe, let candidate), _):
            conclude(probe, candidate, by: answer, in: turn, into: &actions)
        case (.open, .setup) where suspects.isSpared(answer.job.id.event):
            // Operators know of the hold that it led to before.
            saveHold(for: answer, in: turn, into: &actions)
            probe(.ofHold, .another(than: answer.job.id, afterOthers: true))
        // Still the same hold.
        case (.held, .setup): mode = .held(probeAt: turn.probeAt)
        case (_, .setup): hold(for: answer, in: turn, into: &actions)
        case (.open, .transient), (.open, .unknown):
            tripWhenDue(by: answer, in: turn, into: &actions)
        case (.open, _), (.held, _), (.resting, _): break
        }
    }

    private mutating func conclude(
        _ probe: Probe, _ candidate: Candidate, by answer: Answer, in turn: Turn,
        into actions: inout [DeliveryMachine.Action]
    ) {
        switch (probe, answer.judgement.answerClass) {
        case (.afterRelease, .setup), (.afterRest, .setup):
            hold(for: answer, in: turn, into: &actions)
            fail(.ofHold, answer.job, in: turn, into: &actions)
        case (_, .setup), (.ofHold, .transient), (.ofOperatorsHold, .transient):
            fail(probe, answer.job, in: turn, into: &actions)
        case (.ofHold, .throttle), (.ofOperatorsHold, .throttle):
            // It says nothing about the set-up.
            mode = closed(after: probe, in: turn)
        case (.afterRest, .transient) where !answer.judgement.isOfAddress:
            // The next one tries another delivery: this one may be answered so for itself.
            suspects.spare(answer.job.id.event)
            saveSuspects(&actions)
            rest("It still does not answer.", in: turn, into: &actions)
        case (.afterRelease, .transient):
            tripWhenDue(by: answer, in: turn, into: &actions)
        default:
            guard answer.showsItWorks else { break }
            if case .another(let refused, afterOthers: true) = candidate,
                refused != answer.job.id
            {
                fail(refused, &actions)
            }
            open(after: probe, into: &actions)
        }
    }

    /// Goes back to the hold after a probe that failed; or on to another delivery at once, when
    /// probes of this one have failed so often that it may be refused for itself.
    private mutating func fail(
        _ probe: Probe, _ job: Job, in turn: Turn, into actions: inout [DeliveryMachine.Action]
    ) {
        let isSpared = suspects.fail(job.id.event)
        saveSuspects(&actions)
        if isSpared {
            self.probe(probe, .another(than: job.id, afterOthers: false))
        } else {
            mode = closed(after: probe, in: turn)
        }
    }

    /// Ends a delivery that was refused while others were taken.
    private mutating func fail(
        _ refused: DeliveryID, _ actions: inout [DeliveryMachine.Action]
    ) {
        _ = suspects.remove(refused.event)
        saveSuspects(&actions)
        actions.append(.store(.refuse(refused)))
    }

    private func closed(after probe: Probe, in turn: Turn) -> Mode {
        probe == .ofOperatorsHold ? .heldByOperator : .held(probeAt: turn.probeAt)
    }

    func saveSuspects(_ actions: inout [DeliveryMachine.Action]) {
        actions.append(.store(.suspect(destination: name, suspects)))
    }

    private mutating func hold(
        for answer: Answer, in turn: Turn, into actions: inout [DeliveryMachine.Action]
    ) {
        saveHold(for: answer, in: turn, into: &actions)
        tell(.held, about: answer, in: turn, into: &actions)
    }

    private mutating func saveHold(
        for answer: Answer, in turn: Turn, into actions: inout [DeliveryMachine.Action]
    ) {
        mode = .held(probeAt: turn.probeAt)
        let hold = Hold(
            since: turn.now.wall, status: answer.status, hint: answer.judgement.hint ?? "",
            fix: answer.judgement.fix ?? "", delivery: answer.job.id.text)
        actions.append(.store(.hold(destination: name, hold)))
    }

    /// Opens the breaker when so many failures in a row are the destination's own.
    private mutating func tripWhenDue(
        by answer: Answer, in turn: Turn, into actions: inout [DeliveryMachine.Action]
    ) {
        guard failures >= turn.schedule.breakerFailures else { return }
        let isFirst = rests == 0
        rest(answer.judgement.hint ?? "", in: turn, into: &actions)
        if isFirst { tell(.resting, about: answer, in: turn, into: &actions) }
    }

    private mutating func rest(
        _ hint: String, in turn: Turn, into actions: inout [DeliveryMachine.Action]
    ) {
        let until = turn.now.steady + turn.schedule.restTime(after: rests)
        rests += 1
        restHint = hint
        mode = .resting(until: until)
        saveRest(until, in: turn, into: &actions)
    }

    private func saveRest(
        _ until: Timestamp, in turn: Turn, into actions: inout [DeliveryMachine.Action]
    ) {
        actions.append(
            .store(.rest(destination: name, until: turn.now.wall(at: until), hint: restHint)))
    }

    private mutating func open(
        after probe: Probe, into actions: inout [DeliveryMachine.Action]
    ) {
        mode = .open
        stored.isDue = true
        if !suspects.isEmpty {
            suspects.keepSpared()
            saveSuspects(&actions)
        }
        switch probe {
        case .afterRest:
            // Nobody is suspected for a rest that is over.
            suspects = Suspects()
            saveSuspects(&actions)
            pace.beginSlowly()
            actions.append(.store(.rest(destination: name, until: nil, hint: "")))
        case .ofHold, .ofOperatorsHold:
            pace.beginWide()
            actions.append(
                .store(.release(destination: name, byOperator: probe == .ofOperatorsHold)))
        case .afterRelease: pace.beginWide()
        }
    }
}

extension DestinationQueue.Turn {
    /// The steady time of the next probe of a hold.
    fileprivate var probeAt: Timestamp { now.steady + schedule.probeInterval }
}
