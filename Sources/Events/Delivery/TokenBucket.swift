/// A limit on how often something may happen: so many times a second, after a burst of a tenth of
/// that.
package struct TokenBucket: Sendable {
    /// Tokens that are added in a second.
    package let perSecond: Double
    private let burst: Double
    private var tokens: Double
    private var filledAt: Timestamp

    /// A full bucket.
    package init(perSecond: Double, now: Timestamp) {
        self.perSecond = perSecond
        burst = max(1, perSecond / 10)
        tokens = burst
        filledAt = now
    }

    /// Takes one token out; false when there is none yet.
    package mutating func take(now: Timestamp) -> Bool {
        tokens = available(now)
        filledAt = now
        guard tokens >= 1 else { return false }
        tokens -= 1
        return true
    }

    /// The moment from which a token can be taken.
    package func nextToken(now: Timestamp) -> Timestamp {
        let missing = max(0, 1 - available(now))
        return now + .milliseconds(Int64((missing / perSecond * 1000).rounded(.up)))
    }

    private func available(_ now: Timestamp) -> Double {
        let passed = max(0, now.since(filledAt).milliseconds)
        return min(burst, tokens + Double(passed) / 1000 * perSecond)
    }
}
