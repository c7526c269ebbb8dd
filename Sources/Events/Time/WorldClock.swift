/// The source of time, handed in by the program; tests hand in a clock of their own.
package struct WorldClock: Sendable {
    /// The present moment in wall time, which may be set and then jumps.
    package let now: @Sendable () -> Timestamp
    /// The present moment in steady time, which nobody can set: for everything that waits.
    package let steady: @Sendable () -> Timestamp

    /// A clock that reads both times this way.
    package init(
        now: @escaping @Sendable () -> Timestamp, steady: @escaping @Sendable () -> Timestamp
    ) {
        self.now = now
        self.steady = steady
    }

    /// The present moment on both clocks.
    package var moment: Moment { Moment(wall: now(), steady: steady()) }
}
