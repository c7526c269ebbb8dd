package import Events

/// A destination and the facts by which it stands as it does; its words are in `standing`.
package struct DestinationRow: Sendable {
    package var name: String
    /// True when the pipeline no longer has it.
    package var isGone: Bool
    package var isEnabled: Bool
    /// The host that its requests go to; nil when that depends on the event.
    package var host: String?
    /// The reason why its deliveries are kept; nil when it is not held.
    package var hold: Hold?
    /// The end of its rest, which it takes because it did not answer; nil when it does not rest.
    package var restingUntil: Timestamp?
    /// The end of the pause that it asked for; nil when it asked for none.
    package var pausingUntil: Timestamp?
    /// Deliveries that it refused in a row, without a success between them.
    package var refusedInARow = 0
    /// The beginning of its rest.
    package var restingSince: Timestamp?
    /// The reason for its rest, in a sentence.
    package var restingHint: String?
    /// Deliveries that are not in a final state.
    package var waiting: Int
    /// The time when the oldest of them was received.
    package var oldestWaiting: Timestamp?
    /// The time of the last good answer.
    package var lastDelivered: Timestamp?
    /// The last answer that was no good, with its meaning; nil once a good one came after it.
    package private(set) var lastError: String?
    package private(set) var lastErrorAt: Timestamp?

    /// True when so many were refused in a row that most likely all are.
    package var isRefusing: Bool { refusedInARow >= RefusedInARow.told }

    package init(
        name: String, isGone: Bool = false, isEnabled: Bool, host: String? = nil, hold: Hold?,
        restingUntil: Timestamp?, restingSince: Timestamp? = nil, restingHint: String? = nil,
        waiting: Int, oldestWaiting: Timestamp?, lastDelivered: Timestamp?, lastError: String?,
        lastErrorAt: Timestamp?
    ) {
        self.name = name
        self.isGone = isGone
        self.isEnabled = isEnabled
        self.host = host
        self.hold = hold
        self.restingUntil = restingUntil
        self.restingSince = restingSince
        self.restingHint = restingHint
        self.waiting = waiting
        self.oldestWaiting = oldestWaiting
        self.lastDelivered = lastDelivered
        guard let lastErrorAt, lastDelivered.map({ $0 <= lastErrorAt }) ?? true else { return }
        self.lastError = lastError
        self.lastErrorAt = lastErrorAt
    }
}
