/// The state of a delivery, from its acceptance to its end.
///
/// A delivery that waits at a held destination is shown as `held`; that word is never stored.
package enum DeliveryState: String, Sendable, CaseIterable {
    /// The delivery waits for its turn in its lane, or for room at the destination.
    case queued
    /// An attempt is open.
    case sending
    /// An attempt ended without success; the next one has a due time.
    case retrying
    /// The destination answered 2xx.
    case delivered
    /// Not sent, on purpose; the reason says which rule.
    case filtered
    /// Refused for good; no further attempt.
    case failed
    /// Every attempt of the schedule was used up.
    case expired
    /// Ended by an operator.
    case cancelled

    /// True while it waits for an attempt.
    package var isWaiting: Bool { self == .queued || self == .retrying }

    /// True for an end, which only a replay can undo.
    package var isFinal: Bool {
        switch self {
        case .queued, .sending, .retrying: false
        case .delivered, .filtered, .failed, .expired, .cancelled: true
        }
    }
}
