package import Accept
package import Events

/// Calls that were refused, on their way into the store: counted here, written together.
///
/// Whoever has no key must not be able to make the store write for each call. So a call is only
/// counted; the counts go with a transaction that happens anyway, or with one of their own when
/// nothing else comes, and in either case at most once a second. There is one row for each source
/// and code. Any thread may note a call; the rest is the writer's.
package final class RefusedCalls: TransactionParticipant, Sendable {
    /// The time between two writings.
    static let interval = Duration.seconds(1)
    /// Sources and codes that are counted between two writings; there are fewer of them.
    static let kindsLimit = 1_000
    /// The time after which a row goes, counted from the last call.
    static let kept = Duration.days(7)

    /// Calls of one source that were refused for one reason.
    package struct Count: Sendable, Equatable {
        package var number: Int
        /// The moment of the first of them.
        package let first: Timestamp
        package var last: RefusedCall
    }

    private struct Kind: Hashable {
        let source: String?
        let code: String
    }
    private struct State {
        var waiting: [Kind: Count] = [:]
        /// Written in the open transaction.
        var written: [Kind: Count] = [:]
        var savedAt = Timestamp(milliseconds: 0)
    }
    private let state = Locked(State())

    func note(_ call: RefusedCall) {
        let kind = Kind(source: call.source, code: call.code)
        state.withLock { state in
            if let count = state.waiting[kind] {
                state.waiting[kind] = Count(
                    number: count.number + 1, first: count.first, last: call)
            } else if state.waiting.count < Self.kindsLimit {
                state.waiting[kind] = Count(number: 1, first: call.at, last: call)
            }
        }
    }

    /// True while some call has not been written.
    var hasPending: Bool { state.withLock { !$0.waiting.isEmpty } }

    /// Writes the counts when it is time to, or at once.
    func save(at now: Timestamp, atOnce: Bool, in session: any DestinationSession) throws {
        let counts = state.withLock { state -> [Count] in
            let pause = now.since(state.savedAt)
            guard !state.waiting.isEmpty, atOnce || pause >= Self.interval || pause < .zero
            else { return [] }
            state.savedAt = now
            state.written = state.waiting
            state.waiting = [:]
            return Array(state.written.values)
        }
        guard !counts.isEmpty else { return }
        try session.save(counts)
        try session.removeRefused(before: now - Self.kept)
    }

    package func keep() { state.withLock { $0.written = [:] } }

    package func undo() {
        state.withLock { state in
            state.waiting.merge(state.written) { later, earlier in
                Count(
                    number: earlier.number + later.number, first: earlier.first,
                    last: later.last)
            }
            state.written = [:]
        }
    }
}
