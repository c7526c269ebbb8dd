/// A thread of the transport that also runs a callback of ours, so that finished exchanges are
/// handled without waking another thread.
package protocol Turns: Sendable {
    /// Calls `turn` again and again: when woken, when an exchange has ended, and after the time
    /// that the last call gave. Nil ends it.
    func takeTurns(_ turn: (@Sendable () -> Duration)?)
    /// Has the next turn taken at once.
    func wake()
}
