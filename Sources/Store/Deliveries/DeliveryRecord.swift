package import Events
package import Pipeline

/// A delivery as it begins: planned, and put into its lane.
package struct DeliveryRecord: Sendable {
    package let planned: Pipeline.Planned
    package let event: Event
    package let lane: LaneKey
    package let destination: DestinationNumber
    package let start: Start
    /// An earlier delivery of its lane was passed and is still open.
    package let isOutOfOrder: Bool

    /// Where a new delivery begins.
    package enum Start: Sendable {
        /// Filtered: it ended when it was decided.
        case ended
        /// An earlier delivery of its lane is open.
        case behind
        /// Head of its lane; it waits in the store for a claim.
        case ready
        /// Head of its lane; attempt 1 is open, and the deliverer gets it after the commit.
        case handedOver

        var phase: Lanes.Phase {
            switch self {
            case .ended, .behind: .behind
            case .ready: .ready
            case .handedOver: .started
            }
        }
    }

    package var state: DeliveryState {
        switch start {
        case .ended: planned.reason?.state ?? .filtered
        case .behind, .ready: .queued
        case .handedOver: .sending
        }
    }

    /// The number of the last attempt.
    package var attempt: Int { start == .handedOver ? 1 : 0 }
    /// The due time.
    ///
    /// A retry or a replay is due then. For a fresh delivery any time says only that the delivery
    /// is ready: that it waits behind no other of its lane.
    package var dueAt: Timestamp? { start == .ready ? event.receivedAt : nil }
    /// Set while an attempt is open.
    package var openedAt: Timestamp? { start == .handedOver ? event.receivedAt : nil }
    package var endedAt: Timestamp? { start == .ended ? event.receivedAt : nil }
}
