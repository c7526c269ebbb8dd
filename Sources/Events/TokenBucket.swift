/// Lets so many through a second, after a burst of a tenth of that.
package struct TokenBucket: Sendable {
    package let perSecond: Double
    private let burst: Double
    private var tokens: Double
    private var filledAt: Timestamp

    package init(perSecond: Double, now: Timestamp) {
        self.perSecond = perSecond
        burst = max(1, perSecond / 10)
        tokens = burst
        filledAt = now
    }

    package mutating func take(now: Timestamp) -> Bool {
        tokens = available(now)
        filledAt = now
        guard tokens >= 1 else { return false }
        tokens -= 1
        return true
    }

    package func nextToken(now: Timestamp) -> Timestamp {
        let missing = max(0, 1 - available(now))
        return now + Int64((missing / perSecond * 1000).rounded(.up))
    }

    private func available(_ now: Timestamp) -> Double {
        min(burst, tokens + Double(max(0, now - filledAt)) / 1000 * perSecond)
    }
}
