import Deliver
package import Events

/// The counts of everything the store has committed since the program started; metrics show them.
package final class Tally: Sendable {
    /// One count.
    package enum Key: Hashable, Sendable {
        case accepted(source: String)
        case duplicate(source: String)
        case rejected(source: String)
        /// A call was refused whole; counted when it comes, because it may never be stored.
        case refused(source: String?, code: String)
        /// A delivery ended by an answer, a decision or a second look at consent. Deliveries that
        /// an operator dropped, and those of a forgotten person, are not counted.
        case ended(destination: String, DeliveryState, Reason?)
        case attempt(destination: String, AnswerClass)
        /// An anonymous person's event that waited goes, because the person became known.
        case becameKnown(destination: String)
        /// Milliseconds from acceptance to the good answer, by the bucket it falls into.
        case latency(destination: String, bucket: Int)
        case latencySum(destination: String)
    }

    /// Upper ends of the latency buckets, in milliseconds; the last one takes the rest.
    package static let buckets: [Int64] = [
        5, 10, 25, 50, 100, 250, 500, 1_000, 5_000, 30_000, 300_000,
    ]

    private let counts = Locked<[Key: Int]>([:])

    package init() {}

    /// The deliveries of one destination that ended well: the most frequent end, counted cheaply.
    struct Delivered {
        var latencySum = 0
        var buckets = [Int](repeating: 0, count: Tally.buckets.count + 1)

        mutating func add(_ latency: Int64) {
            latencySum += Int(latency)
            buckets[Tally.bucket(latency)] += 1
        }
    }

    func add(_ more: [Key: Int], delivered: [String: Delivered]) {
        if more.isEmpty && delivered.isEmpty { return }
        counts.withLock { counts in
            counts.merge(more, uniquingKeysWith: +)
            for (destination, ends) in delivered {
                let count = ends.buckets.reduce(0, +)
                counts[.attempt(destination: destination, .delivered), default: 0] += count
                counts[.ended(destination: destination, .delivered, nil), default: 0] += count
                counts[.latencySum(destination: destination), default: 0] += ends.latencySum
                for (bucket, count) in ends.buckets.enumerated() where count > 0 {
                    let key = Key.latency(destination: destination, bucket: bucket)
                    counts[key, default: 0] += count
                }
            }
        }
    }

    /// The counts so far.
    package var now: [Key: Int] { counts.withLock { $0 } }

    static func bucket(_ milliseconds: Int64) -> Int {
        buckets.firstIndex { milliseconds <= $0 } ?? buckets.count
    }
}

extension Effects {
    /// Counts the end of an attempt.
    mutating func count(_ outcome: Outcome) {
        let destination = outcome.job.id.destination
        if outcome.next == .delivered {
            let latency = outcome.endedAt.milliseconds - outcome.job.event.receivedAt.milliseconds
            delivered[destination, default: Tally.Delivered()].add(max(0, latency))
            return
        }
        if let kind = outcome.attempt.answerClass {
            count(.attempt(destination: destination, kind))
        }
        switch outcome.next {
        case .failed(let reason, _):
            count(.ended(destination: destination, reason.state, reason))
        case .expired: count(.ended(destination: destination, .expired, .exhausted))
        case .delivered, .nextStep, .retry, .requeue: break
        }
    }
}
