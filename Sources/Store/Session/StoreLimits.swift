package import Events

/// How much the store may keep and take; each limit can be set in the pipeline.
package struct StoreLimits: Sendable, Equatable {
    /// Bytes of the disk below which no events are taken, so that what was taken can be delivered.
    package var reserve = standardReserve
    /// Deliveries that may wait for one destination; more events are answered 503.
    package var queue = 5_000_000
    /// The age at which bodies, requests and answers go; the rows of the log stay.
    package var bodies = Duration.days(30)
    /// The age at which an event goes with all its rows; never inside the window in which a repeat
    /// is recognised.
    package var events = Duration.days(400)
    /// The age at which rejected bodies go.
    package var rejected = Duration.days(7)
    /// Bytes of the store above which the oldest bodies, then rows, go earlier; nil for no limit.
    package var size: Int64?

    package static let standardReserve: Int64 = 256 << 20
    /// The time for which a message id is remembered at the least.
    package static let shortestEvents = Duration.days(7)

    package init() {}
}

/// The reason for which no events are taken although the store works.
package enum StorePressure: Sendable, Equatable {
    case disk(free: Int64, reserve: Int64)
    case queue(destination: String, waiting: Int)

    /// The answer that senders get.
    package var problem: Problem {
        switch self {
        case .disk(let free, let reserve):
            Problem(
                code: "disk_reserve",
                message: "The disk has \(free >> 20) MB left; \(reserve >> 20) MB are kept free.",
                hint: "Free disk space; events are taken again by themselves.")
        case .queue(let destination, let waiting):
            Problem(
                code: "queue_full",
                message: "\(waiting) deliveries wait for \(destination): that is the limit.",
                hint: "See why they wait: sluice status")
        }
    }
}
