package import Events

/// A clock that stands still until a test moves it.
package final class ManualClock: Sendable {
    private let reading: Locked<Moment>

    /// Begins at 2026-06-06T10:00:00Z unless told otherwise, in wall and in steady time.
    package init(_ start: Timestamp = Timestamp(milliseconds: 1_780_740_000_000)) {
        reading = Locked(Moment(wall: start, steady: start))
    }

    package var now: Timestamp { moment.wall }

    package var moment: Moment { reading.withLock { $0 } }

    package var world: WorldClock {
        WorldClock(now: { self.moment.wall }, steady: { self.moment.steady })
    }

    package func advance(by span: Duration) {
        reading.withLock { $0 = Moment(wall: $0.wall + span, steady: $0.steady + span) }
    }

    /// Sets the wall clock ahead, or back by a negative span, while no time passes.
    package func set(by span: Duration) {
        reading.withLock { $0 = Moment(wall: $0.wall + span, steady: $0.steady) }
    }
}
