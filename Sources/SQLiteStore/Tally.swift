import Deliver
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

extension Writer.Effects {
    /// Counts the end of an attempt.
    mutating func count(_ outcome: Outcome, _ destination: String) {
        if let kind = outcome.attempt.answerClass {
            count(.attempt(destination: destination, kind))
        }
        switch outcome.next {
        case .delivered:
            count(.ended(destination: destination, .delivered, nil))
            let latency = max(0, outcome.endedAt - outcome.job.event.receivedAt)
            count(.latency(destination: destination, bucket: Tally.bucket(latency)))
            count(.latencySum(destination: destination), Int(latency))
        case .failed(let reason, _):
            count(.ended(destination: destination, reason.state, reason))
        case .expired: count(.ended(destination: destination, .expired, .exhausted))
        case .nextStep, .retry, .requeue: break
        }
    }
}
