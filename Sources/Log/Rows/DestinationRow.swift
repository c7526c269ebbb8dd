package import Events

/// A destination and how it stands now.
package struct DestinationRow: Sendable {
    package var name: String
    package var isEnabled: Bool
    package var hold: Hold?
    /// The end of its rest, which it takes because it did not answer; nil when it does not rest.
    package var restingUntil: Timestamp?
    /// Deliveries that are not in a final state.
    package var waiting: Int
    /// The time when the oldest of them was received.
    package var oldestWaiting: Timestamp?
    package var lastDelivered: Timestamp?
    package var lastError: String?
    package var lastErrorAt: Timestamp?

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
