package import Events

/// A destination and how it stands now.
package struct DestinationRow: Sendable {
    package var name: String
    package var isEnabled: Bool
    /// The reason why its deliveries are kept; nil when it is not held.
    package var hold: Hold?
    /// The end of its rest, which it takes because it did not answer; nil when it does not rest.
    package var restingUntil: Timestamp?
    /// The end of the pause that it asked for; nil when it asked for none.
    package var pausingUntil: Timestamp?
    /// Deliveries that it refused in a row, without a success between them.
    package var refusedInARow = 0
    /// Deliveries that are not in a final state.
    package var waiting: Int
    /// The time when the oldest of them was received.
    package var oldestWaiting: Timestamp?
    /// The time of the last good answer.
    package var lastDelivered: Timestamp?
    /// The last answer that was no good, with its meaning.
    package var lastError: String?
    package var lastErrorAt: Timestamp?

    /// True when so many were refused in a row that most likely all are.
    package var isRefusing: Bool { refusedInARow >= Refusals.told }

    package init(
        name: String, isEnabled: Bool, hold: Hold?, restingUntil: Timestamp?, waiting: Int,
        oldestWaiting: Timestamp?, lastDelivered: Timestamp?, lastError: String?,
        lastErrorAt: Timestamp?
    ) {
        self.name = name
        self.isEnabled = isEnabled
        self.hold = hold
        self.restingUntil = restingUntil
        self.waiting = waiting
        self.oldestWaiting = oldestWaiting
        self.lastDelivered = lastDelivered
        self.lastError = lastError
        self.lastErrorAt = lastErrorAt
    }
}
