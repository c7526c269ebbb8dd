package import Deliver
package import Events

/// The change that the end of an attempt makes to its delivery's row.
///
/// A pure value: the outcome says where the delivery goes, and this says what its row reads from
/// then on. Nothing else decides that.
package struct DeliveryChange: Sendable, Equatable {
    package let state: DeliveryState
    package var reason: Reason?
    /// Nil keeps the detail that the row has.
    package var detail: String?
    package let revision: String
    /// The number of the last attempt; with a next step, the one that is open now.
    package let attempt: Int
    /// Attempts that count for the schedule.
    package let tries: Int
    /// The first request that has not been delivered.
    package let step: Int
    /// The status of the answer; nil keeps the one that the row has.
    package let status: Int?
    package var dueAt: Timestamp?
    package let openedAt: Timestamp?
    package let endedAt: Timestamp?
    /// The rest of the lane may pass from now on.
    package var passes = false

    package init(_ outcome: Outcome) {
        let job = outcome.job
        var next = job
        var tries = job.tries + 1
        switch outcome.next {
        case .delivered: state = .delivered
        case .nextStep:
            state = .sending
            next = job.following()
            tries = next.tries
        case .retry(let due, let leavesLane):
            state = .retrying
            (dueAt, passes) = (due, leavesLane)
        case .failed(let why, let text):
            state = why.state
            (reason, detail) = (why, text)
        case .expired: (state, reason) = (.expired, .exhausted)
        case .requeue:
            // The attempt does not count: it met a fault of the destination, not of the event.
            tries = job.tries
            state = tries == 0 ? .queued : .retrying
            dueAt = outcome.endedAt
        }
        revision = job.revision
        attempt = next.attempt
        step = next.step
        self.tries = tries
        status = outcome.attempt.status
        openedAt = state == .sending ? outcome.endedAt : nil
        endedAt = state.isFinal ? outcome.endedAt : nil
    }

    /// The step of the delivery in its lane that belongs to the change.
    enum LaneStep: Equatable {
        /// The delivery keeps its place: its next step is being sent.
        case stays
        /// The delivery keeps its place, and the store has its due time.
        case waitsInStore
        /// The delivery keeps its place, and waits in memory for a claim.
        case waitsInMemory
        /// The delivery stays open, and the rest of the lane may pass it.
        case isPassed
        /// The delivery has ended.
        case leaves
    }

    /// - Parameter run: the first run waits in memory; a replay has a due time in the store.
    func laneStep(run: Int) -> LaneStep {
        if state.isFinal { return .leaves }
        if passes { return .isPassed }
        if dueAt == nil { return .stays }
        return state == .queued && run == 1 ? .waitsInMemory : .waitsInStore
    }
}

extension Outcome {
    /// The status with which a delivery of one request was taken at the first attempt of its first
    /// run; nil for every other end.
    package var firstSuccess: Int? {
        next == .delivered && job.run == 1 && job.tries == 0 && job.step == 0
            ? attempt.status : nil
    }
}
