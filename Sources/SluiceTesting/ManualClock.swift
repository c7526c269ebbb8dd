package import Events

/// A clock that stands still until a test moves it.
package final class ManualClock: Sendable {
    private let moment: Locked<Timestamp>

    /// Begins at 2026-06-06T10:00:00Z unless told otherwise.
    package init(_ start: Timestamp = Timestamp(milliseconds: 1_780_740_000_000)) {
        moment = Locked(start)
    }

    package var now: Timestamp { moment.withLock { $0 } }

    package var world: WorldClock { WorldClock { self.now } }

    package func advance(by span: Duration) { moment.withLock { $0 = $0 + span } }
}
