import Deliver
import Events
import Pipeline

/// Due times in the store are wall time; when that is set, they are brought in line.
extension StoreWriter {
    /// Moves every due time by as much as the wall clock was set, so that retries and replays wait
    /// as long as they would have.
    func moveDueTimes(by step: Duration) throws {
        // Set back: what was due is still due. Set ahead: what was due before is left alone.
        let bound = step < .zero ? now : now - step
        for destination in pipeline.destinations {
            let number = try session.number(ofDestination: destination.name)
            let hasMoved = try session.moveDueTimes(at: number, laterThan: bound, by: step)
            if hasMoved { effects.destinationsToWake.insert(destination.name) }
        }
        try capDueTimes(laterThan: now)
    }

    /// Brings retries nearer that no schedule has put so far away: what was recorded while the
    /// clock was set, or before a start.
    func capDueTimes(laterThan bound: Timestamp) throws {
        for destination in pipeline.destinations {
            let number = try session.number(ofDestination: destination.name)
            let wasTooFar = try session.capDueTimes(
                at: number, laterThan: bound, longest: schedule.longestDelays, now: now)
            if wasTooFar { effects.destinationsToWake.insert(destination.name) }
        }
    }

    /// Brings retries nearer that are later than any schedule allows; costs little when none is.
    func capFarDueTimes() throws {
        try capDueTimes(laterThan: now + (schedule.longestDelays.max() ?? .zero))
    }
}
