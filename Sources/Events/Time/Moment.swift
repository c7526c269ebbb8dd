/// One moment on two clocks: the one that people read, and one that only ever goes on.
///
/// Wall time can be set, and then it jumps. Steady time counts from some start, also while the
/// machine sleeps, and nobody can set it. Whatever is shown or stored is wall time; whatever is
/// waited for is reckoned in steady time, so that no wait is longer or shorter after a jump.
package struct Moment: Sendable, Equatable {
    /// The date and time of day.
    package let wall: Timestamp
    /// The same moment in steady time; it means something only within one run of the program.
    package let steady: Timestamp

    /// A moment as both clocks have it.
    package init(wall: Timestamp, steady: Timestamp) {
        self.wall = wall
        self.steady = steady
    }

    /// The steady time at which the wall clock will show a moment, unless it is set meanwhile.
    package func steady(at moment: Timestamp) -> Timestamp { steady + moment.since(wall) }

    /// The wall time that goes with a steady time, unless the wall clock is set meanwhile.
    package func wall(at moment: Timestamp) -> Timestamp { wall + moment.since(steady) }
}

/// Notices that the wall clock was set: looked at often, it compares wall time with steady time.
package struct ClockWatch: Sendable {
    private var offset: Duration

    /// A smaller step is not worth a look at everything that waits.
    package static let tolerance = Duration.seconds(1)

    /// Begins to watch.
    package init(_ now: Moment) { offset = now.wall.since(now.steady) }

    /// The span by which the wall clock was set since the last look, negative when it was set back;
    /// nil when it was not.
    package mutating func step(at now: Moment) -> Duration? {
        let before = offset
        offset = now.wall.since(now.steady)
        let step = offset - before
        return step > Self.tolerance || step < .zero - Self.tolerance ? step : nil
    }
}
