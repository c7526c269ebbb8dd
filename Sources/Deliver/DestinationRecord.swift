package import Events

/// The knowledge that the store has of a destination: its holds, waits and counts, when the program
/// starts or the pipeline changes.
package struct DestinationRecord: Sendable, Equatable {
    /// The cause of its hold; nil when it is not held.
    package var hold: HoldKind?
    /// The pause that it asked for; nil when it asked for none.
    package var pause: Pause?
    /// The end of its rest, which a restart ends; nil when it does not rest.
    package var restingUntil: Timestamp?
    package var suspects: Suspects
    /// Deliveries that were refused in a row.
    package var refusedInARow: Int

    package init(
        hold: HoldKind? = nil, pause: Pause? = nil, restingUntil: Timestamp? = nil,
        suspects: Suspects = Suspects(), refusedInARow: Int = 0
    ) {
        self.hold = hold
        self.pause = pause
        self.restingUntil = restingUntil
        self.suspects = suspects
        self.refusedInARow = refusedInARow
    }
}

/// The cause of a hold, as the store knows it.
package enum HoldKind: Sendable {
    case setup
    case operatorOrder
}

/// A pause that a destination asked for, in wall time, as the store keeps it.
package struct Pause: Sendable, Equatable {
    package let since: Timestamp
    package let until: Timestamp

    package init(since: Timestamp, until: Timestamp) {
        self.since = since
        self.until = until
    }

    /// The time that is left of it: never more than the whole, whatever the clock shows.
    func left(at now: Timestamp) -> Duration {
        min(max(.zero, until.since(now)), max(.zero, until.since(since)))
    }
}
