/// Wall time, as a value that is handed in: nothing else reads it.
package struct WorldClock: Sendable {
    package let now: @Sendable () -> Timestamp

    package init(now: @escaping @Sendable () -> Timestamp) { self.now = now }
}
