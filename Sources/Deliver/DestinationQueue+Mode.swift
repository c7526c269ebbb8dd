import Events
import Request

extension DestinationQueue {
    /// The way a destination is sent to, or the reason why nothing is sent.
    enum Mode: Equatable {
        case open
        /// The set-up is wrong: nothing is sent until one delivery is tried at that moment.
        case held(probeAt: Timestamp)
        /// An operator holds it: nothing is sent until they say so.
        case heldByOperator
        /// Too many attempts in a row failed: nothing is sent until then.
        case resting(until: Timestamp)
        /// One delivery at a time, until an answer shows how the destination is.
        case probing(Probe)

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

    // MARK: Orders and time

    /// Closes the destination as the store knows it was closed.
    mutating func close(for kind: HoldKind, turn: Turn) {
        switch kind {
        case .setup: mode = .held(probeAt: turn.now + turn.schedule.probeInterval)
        case .operatorOrder: mode = .heldByOperator
        }
    }

    /// One delivery may be tried.
    mutating func probe(_ probe: Probe) {
        mode = .probing(probe)
        stored.isDue = true
    }

    /// An operator ordered a probe; a destination that is open or probed already needs none.
    mutating func probeOnOrder() {
        switch mode {
        case .held: probe(.ofHold)
        case .heldByOperator: probe(.ofOperatorsHold)
        case .resting: probe(.afterRest)
        case .open, .probing: break
        }
    }

    /// Begins the probe that is due.
    mutating func probeWhenItIsTime(_ now: Timestamp) {
        switch mode {
        case .held(let probeAt) where probeAt <= now: probe(.ofHold)
        case .resting(let until) where until <= now: probe(.afterRest)
        default: break
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
        case (.probing(.ofOperatorsHold), .setup), (.probing(.ofOperatorsHold), .transient):
            mode = .heldByOperator
        case (.held, .setup), (.probing(.ofHold), .setup), (.probing(.ofHold), .transient):
            // Still the same hold.
            mode = .held(probeAt: turn.now + turn.schedule.probeInterval)
        case (_, .setup): hold(for: answer, in: turn, into: &actions)
        case (.probing(.afterRest), .transient):
            rest("It still does not answer.", in: turn, into: &actions)
        case (.open, .transient), (.open, .unknown):
            if failures >= turn.schedule.breakerFailures {
                trip(by: answer, in: turn, into: &actions)
            }
        case (.probing(let probe), _):
            if answer.showsItWorks { open(after: probe, into: &actions) }
        case (.open, _), (.held, _), (.resting, _): break
        }
    }

    private mutating func hold(
        for answer: Answer, in turn: Turn, into actions: inout [DeliveryMachine.Action]
    ) {
        mode = .held(probeAt: turn.now + turn.schedule.probeInterval)
        let hold = Hold(
            since: turn.now, status: answer.status, hint: answer.judgement.hint ?? "",
            fix: answer.judgement.fix ?? "", delivery: answer.job.id.text)
        actions.append(.store(.hold(destination: name, hold)))
        actions.append(
            .alert(
                Alert(
                    kind: .held, destination: name, at: turn.now, hint: hold.hint, fix: hold.fix,
                    delivery: hold.delivery)))
    }

    /// The breaker opens: so many failures in a row are the destination's own.
    private mutating func trip(
        by answer: Answer, in turn: Turn, into actions: inout [DeliveryMachine.Action]
    ) {
        rest(answer.judgement.hint ?? "", in: turn, into: &actions)
        actions.append(
            .alert(
                Alert(
                    kind: .resting, destination: name, at: turn.now,
                    hint: answer.judgement.hint ?? "It does not answer.",
                    fix: answer.judgement.fix ?? "", delivery: answer.job.id.text)))
    }

    private mutating func rest(
        _ hint: String, in turn: Turn, into actions: inout [DeliveryMachine.Action]
    ) {
        let until = turn.now + turn.schedule.restTime(after: rests)
        rests += 1
        mode = .resting(until: until)
        actions.append(.store(.rest(destination: name, until: until, hint: hint)))
    }

    private mutating func open(
        after probe: Probe, into actions: inout [DeliveryMachine.Action]
    ) {
        mode = .open
        stored.isDue = true
        switch probe {
        case .afterRest:
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

/// The cause of a hold that the store knows when the program starts.
package enum HoldKind: Sendable {
    case setup
    case operatorOrder
}
