package import Events

/// A clock that stands still until a test moves it.
package final class ManualClock: Sendable {
    private let moment: Locked<Timestamp>
    private let listeners = Locked<[@Sendable () -> Void]>([])

    /// Begins at 2026-06-06T10:00:00Z unless told otherwise.
    package init(_ start: Timestamp = Timestamp(milliseconds: 1_780_740_000_000)) {
        moment = Locked(start)
    }

    package var now: Timestamp { moment.withLock { $0 } }

    package var world: WorldClock { WorldClock { self.now } }

    /// Moves the time on and tells everyone who waits for it.
    package func advance(milliseconds: Int64) {
        moment.withLock { $0 = $0 + milliseconds }
        for listener in listeners.withLock({ $0 }) { listener() }
    }

    package func onAdvance(_ listener: @escaping @Sendable () -> Void) {
        listeners.withLock { $0.append(listener) }
    }
}
