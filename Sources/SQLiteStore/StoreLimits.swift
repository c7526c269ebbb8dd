package import Events

/// How much the store may keep and take; each can be set in the pipeline.
package struct StoreLimits: Sendable, Equatable {
    /// Bytes of the disk below which no events are taken, so that what was taken can be delivered.
    package var reserve = standardReserve
    /// Deliveries that may wait for one destination; more events are answered 503.
    package var queue = 5_000_000
    /// Milliseconds after which bodies, requests and answers go; the log's rows stay.
    package var bodies: Int64 = 30 * day
    /// Milliseconds after which an event goes with all its rows; not inside the window in which a
    /// repeat is recognised.
    package var events: Int64 = 400 * day
    /// Milliseconds after which what could not be used goes.
    package var rejected: Int64 = 7 * day
    /// Bytes of the file above which the oldest bodies, then rows, go earlier; nil for no limit.
    package var size: Int64?

    package static let standardReserve: Int64 = 256 << 20
    package static let day: Int64 = 86_400_000
    /// Milliseconds a message id is remembered at least (DESIGN §4).
    package static let shortestEvents = 7 * day

    package init() {}
}

/// Why no events are taken although the store works.
package enum StorePressure: Sendable, Equatable {
    case disk(free: Int64, reserve: Int64)
    case queue(destination: String, waiting: Int)

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
                hint: "See: sluice status. Release or drop that destination.")
        }
    }
}
