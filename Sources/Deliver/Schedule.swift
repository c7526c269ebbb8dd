package import Events

/// The times at which deliveries are tried again, destinations are probed, and how long they rest.
package struct Schedule: Sendable {
    /// The wait after so many counted failures, from the end of the last attempt.
    ///
    /// The first entry stands for the first attempt, which does not wait.
    ///
    /// The first three retries fall inside the window in which Vero ignores repeats; the whole is
    /// about 76 hours, the spread of the Standard Webhooks specification.
    package var delays: [Duration]
    /// How long a retry may hold its lane; after that the rest of the lane passes.
    package var laneHold: Duration
    /// The time between two probes of a held destination.
    package var probeInterval: Duration
    /// The longest pause that a Retry-After may ask for.
    package var longestPause: Duration
    /// Transient failures in a row after which a destination rests.
    package var breakerFailures = 10
    /// The first rest; each next is twice as long, up to the longest.
    package var rest = Duration.seconds(30)
    package var longestRest = Duration.minutes(10)
    package init(
        delays: [Duration] = [
            .zero, .seconds(3), .seconds(15), .minutes(1), .minutes(5), .minutes(15), .minutes(45),
            .hours(2), .hours(5), .hours(10), .hours(14), .hours(20), .hours(24),
        ],
        laneHold: Duration = .minutes(15), probeInterval: Duration = .minutes(15),
        longestPause: Duration = .hours(6)
    ) {
        self.delays = delays
        self.laneHold = laneHold
        self.probeInterval = probeInterval
        self.longestPause = longestPause
    }

    /// How long a destination rests after as many rests without success.
    func restTime(after rests: Int) -> Duration { min(rest * (1 << min(rests, 16)), longestRest) }

    /// The attempt that follows when `tries` counted attempts have failed.
    package struct Next: Sendable, Equatable {
        package let due: Timestamp
        /// The delivery would hold its lane too long: the rest may pass.
        package let leavesLane: Bool
    }

    /// The next attempt, or nil when the schedule is used up.
    ///
    /// - Parameters:
    ///   - jitter: 0 ..< 1, spread over ±20 %.
    package func next(after tries: Int, jitter: Double, now: Timestamp) -> Next? {
        guard tries < delays.count else { return nil }
        let nominal = Double(delays[tries].milliseconds)
        let least = 1 - Self.spread
        let delay = Duration.milliseconds(Int64(nominal * (least + 2 * Self.spread * jitter)))
        let sofar = delays.prefix(tries).reduce(.zero, +)
        return Next(due: now + delay, leavesLane: sofar + delay > laneHold)
    }

    /// The part of a delay by which a retry comes earlier or later than the schedule says.
    private static let spread = 0.2

    /// The longest waits for the next attempt, by the number of counted attempts.
    package var longestDelays: [Duration] {
        delays.map { .milliseconds(Int64(Double($0.milliseconds) * (1 + Self.spread))) }
    }
}
