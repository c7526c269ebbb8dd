package import Events

extension DestinationRow {
    /// The destination's standing: gone before all else, then held, off, resting, pausing and
    /// refusing.
    package var standing: DestinationStanding {
        if isGone { return .gone }
        if let hold { return .held(hold) }
        if !isEnabled { return .off }
        if let restingUntil, restingUntil >= pausingUntil ?? restingUntil {
            return .resting(since: restingSince, until: restingUntil, why: restingHint)
        }
        if let pausingUntil { return .pausing(until: pausingUntil) }
        return isRefusing ? .refusing(inARow: refusedInARow) : .open
    }

    /// The standing in one word.
    package var state: String { standing.word }

    /// The standing in a sentence or three.
    package func sentence(at now: Timestamp) -> String {
        standing.sentence(of: name, host: host, waiting: waiting, at: now)
    }

    /// True when people are told how it stands without asking: not of an open one, and not of one
    /// that is gone and keeps nothing.
    package var isWorthTelling: Bool {
        standing != .open && (standing != .gone || waiting > 0)
    }

    /// The advice to an operator; nil when there is nothing to do.
    package var advice: String? { isWorthTelling ? standing.advice(for: name) : nil }
}
