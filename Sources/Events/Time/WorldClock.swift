/// The source of wall time, handed in by the program; tests hand in a clock of their own.
package struct WorldClock: Sendable {
    /// The present moment.
    package let now: @Sendable () -> Timestamp

    /// A clock that reads the time this way.
    package init(now: @escaping @Sendable () -> Timestamp) { self.now = now }
}
