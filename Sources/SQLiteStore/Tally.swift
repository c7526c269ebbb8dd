package import Events

/// Counts of what the store has committed since the program started.
package final class Tally: Sendable {
    /// What is counted.
    package enum Key: Hashable, Sendable {
        case accepted(source: String)
        case duplicate(source: String)
        case rejected(source: String)
        /// A delivery reached a state that only a replay leaves.
        case ended(destination: String, DeliveryState, Reason?)
        case attempt(destination: String, AnswerClass)
        /// Milliseconds from acceptance to the good answer, by the bucket it falls into.
        case latency(destination: String, bucket: Int)
        case latencySum(destination: String)
    }

    /// Upper ends of the latency buckets, in milliseconds; the last one takes the rest.
    package static let buckets = [5, 10, 25, 50, 100, 250, 500, 1_000, 5_000, 30_000, 300_000]

    private let counts = Locked<[Key: Int]>([:])

    package init() {}

    func add(_ more: [Key: Int]) {
        if more.isEmpty { return }
        counts.withLock { $0.merge(more, uniquingKeysWith: +) }
    }

    package var now: [Key: Int] { counts.withLock { $0 } }

    static func bucket(_ milliseconds: Int64) -> Int {
        buckets.firstIndex { milliseconds <= $0 } ?? buckets.count
    }
}
