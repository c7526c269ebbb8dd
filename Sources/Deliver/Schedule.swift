package import Events

/// When a delivery is tried again (DESIGN §8).
package struct Schedule: Sendable {
    /// Seconds before each attempt, counted from the end of the one before.
    ///
    /// The first three retries fall inside the window in which Vero ignores repeats; the whole is
    /// about 76 hours, the spread of the Standard Webhooks specification.
    package var delays: [Int64]
    /// Seconds a retry may hold its lane; after that the rest passes.
    package var laneHold: Int64
    /// Seconds between probes of a held destination.
    package var probeInterval: Int64
    /// Seconds a Retry-After may ask for at most.
    package var longestRetryAfter: Int64
    /// Transient failures in a row after which a destination rests.
    package var breakerFailures = 10
    /// Seconds of the first rest; each next is twice as long, up to the longest.
    package var rest: Int64 = 30
    package var longestRest: Int64 = 600

    package init(
        delays: [Int64] = [
            0, 3, 15, 60, 300, 900, 2_700, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400,
        ],
        laneHold: Int64 = 900, probeInterval: Int64 = 900, longestRetryAfter: Int64 = 21_600
    ) {
        self.delays = delays
        self.laneHold = laneHold
        self.probeInterval = probeInterval
        self.longestRetryAfter = longestRetryAfter
    }

    /// Milliseconds a destination rests after as many rests without success.
    func restTime(after rests: Int) -> Int64 {
        min(rest << min(rests, 16), longestRest) * 1000
    }

    /// What follows after `tries` counted attempts have failed.
    package struct Next: Sendable, Equatable {
        package let due: Timestamp
        /// The delivery would hold its lane too long: the rest may pass.
        package let leavesLane: Bool
    }

    /// The next attempt, or nil when the schedule is used up.
    ///
    /// - Parameters:
    ///   - jitter: 0 ..< 1, spread over ±20 %.
    ///   - retryAfter: seconds the destination asked for; the attempt comes no earlier.
    package func next(
        after tries: Int, retryAfter: Int?, jitter: Double, now: Timestamp
    ) -> Next? {
        guard tries < delays.count else { return nil }
        let nominal = delays[tries] * 1000
        let spread = Int64(Double(nominal) * (0.8 + 0.4 * jitter))
        let asked = min(Int64(max(retryAfter ?? 0, 0)), longestRetryAfter) * 1000
        let delay = max(spread, asked)
        let sofar = delays.prefix(tries).reduce(0, +) * 1000
        return Next(due: now + delay, leavesLane: sofar + delay > laneHold * 1000)
    }
}
