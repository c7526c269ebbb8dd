package import Deliver
import Events

/// The work of the deliverer: attempts that ended, deliveries it gives back, claims, holds, rests.
extension StoreWriter {
    package func perform(_ work: DeliveryWork) throws {
        switch work {
        case .record(let outcome): try record(outcome)
        case .giveBack(let jobs): for job in jobs { try giveBack(job) }
        case .claim(let name, let limit, let oldest, let except):
            awaitingClaim.remove(name)
            try claim(at: name, limit: limit, oldestOnly: oldest, except: except)
        case .hold(let name, let hold):
            if try !isHeldByOperator(name) { try save(hold, of: name) }
        case .release(let name, let byOperator):
            if try byOperator || !isHeldByOperator(name) { try save(nil, of: name) }
        case .rest(let name, let until, let hint):
            try session.saveRest(
                until.map { Rest(until: $0, hint: hint) },
                of: try session.number(ofDestination: name), at: now)
        case .pause(let name, let pause):
            try session.savePause(pause, of: try session.number(ofDestination: name))
        case .refuse(let delivery):
            let detail = "others were taken while it was refused"
            _ = try endWaiting(delivery, as: DeliveryEnd(reason: .refused, detail: detail))
        case .suspect(let name, let suspects):
            try session.saveSuspects(suspects, of: try session.number(ofDestination: name))
        }
    }

    private func record(_ outcome: Outcome) throws {
        let destination = try session.number(ofDestination: outcome.job.id.destination)
        if try change(outcome, at: destination) {
            effects.destinationsToWake.insert(outcome.job.id.destination)
        }
        effects.count(outcome)
        lastSeen.refused(outcome.refusedInARow, at: destination)
        if outcome.attempt.answerClass == .delivered {
            lastSeen.delivered(to: destination, at: outcome.endedAt)
        } else {
            let status = outcome.attempt.status.map { "\($0): " } ?? ""
            let words = outcome.attempt.note ?? outcome.hint ?? outcome.attempt.answer ?? ""
            lastSeen.failed(at: destination, status + words, moment: outcome.endedAt)
        }
    }

    /// Changes the delivery and its lane.
    ///
    /// - Returns: true when a delivery became ready or due by it.
    private func change(_ outcome: Outcome, at destination: DestinationNumber) throws -> Bool {
        let job = outcome.job
        if let status = outcome.firstSuccess {
            try session.recordFirstSuccess(outcome, at: destination, status: status)
            return try leaveLane(job, of: destination, at: outcome.endedAt)
        }
        let change = DeliveryChange(outcome)
        let place = DeliveryPlace(job.id.event, destination)
        // It ended meanwhile, or another run began: the attempt belongs to nothing any more.
        guard try session.apply(change, to: place, run: job.run) else { return false }
        try session.insertAttempt(outcome, at: destination)
        switch change.laneStep(run: job.run) {
        case .stays: return false
        case .waitsInStore: return true
        case .waitsInMemory:
            lanes.makeReady(job.id.event, in: job.identity.lane, of: destination)
            return true
        case .isPassed:
            lanes.pass(job.id.event, in: job.identity.lane, of: destination)
            return try promoteNext(in: job.identity.lane, of: destination, at: outcome.endedAt)
        case .leaves: return try leaveLane(job, of: destination, at: outcome.endedAt)
        }
    }

    private func giveBack(_ job: Job) throws {
        let destination = try session.number(ofDestination: job.id.destination)
        effects.destinationsToWake.insert(job.id.destination)
        let place = DeliveryPlace(job.id.event, destination)
        guard try session.giveBack(place, at: now), job.tries == 0, job.run == 1 else { return }
        lanes.makeReady(job.id.event, in: job.identity.lane, of: destination)
    }

    // MARK: Lanes

    private func leaveLane(
        _ job: Job, of destination: DestinationNumber, at moment: Timestamp
    ) throws -> Bool {
        try leave(job.identity.lane, job.id.event, of: destination, at: moment)
    }

    /// Takes a delivery that has ended out of its lane, and makes the next one ready.
    ///
    /// - Returns: true when there was a next one.
    func leave(
        _ lane: LaneKey, _ event: EventID, of destination: DestinationNumber, at moment: Timestamp
    ) throws -> Bool {
        lanes.remove(event, from: lane, of: destination)
        return try promoteNext(in: lane, of: destination, at: moment)
    }

    /// Makes the next delivery of a lane ready when nothing drives the lane.
    ///
    /// - Returns: true when there was one.
    func promoteNext(
        in lane: LaneKey, of destination: DestinationNumber, at moment: Timestamp
    ) throws -> Bool {
        guard let next = lanes.promoteNext(in: lane, of: destination, at: moment) else {
            return false
        }
        if next.isBehindPassed {
            try session.markOutOfOrder(DeliveryPlace(next.event, destination))
        }
        return true
    }

    /// The time after which people are shown that a delivery waits behind no other any more.
    ///
    /// By then most have been claimed. A start does without: it promotes the head of every lane
    /// that nothing drives.
    private static let readyShownAfter = Duration.seconds(2)
    /// Deliveries that one transaction shows as ready.
    private static let readyShownSlice = 256

    /// Shows people which deliveries wait behind no other any more, when it is time to, or at once.
    func showReady(at moment: Timestamp, atOnce: Bool) throws {
        let promoted =
            atOnce
            ? lanes.takePromoted(except: nil, upTo: .max)
            : lanes.takePromoted(
                except: (moment - Self.readyShownAfter)...moment, upTo: Self.readyShownSlice)
        for (destination, events) in promoted {
            try session.markReady(events, at: destination, moment: moment)
        }
    }
}
