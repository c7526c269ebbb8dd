package import Accept
package import Events
import Log

/// Tells of calls that are refused: the store counts them, and an operator hears when they begin.
///
/// There are as many kinds as sources and codes, and nothing else of a call makes a new one.
package final class Refusals: Sendable {
    /// A source, or nobody, with a code.
    package struct Kind: Hashable, Sendable {
        let source: String?
        let code: String

        /// Calls to a source that are refused for one reason.
        package init(source: String?, code: String) {
            self.source = source
            self.code = code
        }
    }

    /// The code of calls without any key: they are answered as those with a wrong one, and counted
    /// apart, so that whoever tries addresses does not hide a sender whose key is out of date.
    static let missingKey = "missing_key"

    private let store: any EventStore
    private let clock: WorldClock
    private let began: @Sendable (RefusedCall) -> Void
    private let last: Locked<[Kind: Timestamp]>

    /// - Parameters:
    ///   - last: when a call of each kind was last refused, before the program started.
    ///   - began: called for the first of a kind after an hour without one; must return at once.
    package init(
        store: any EventStore, clock: WorldClock, last: [Kind: Timestamp] = [:],
        began: @escaping @Sendable (RefusedCall) -> Void
    ) {
        self.store = store
        self.clock = clock
        self.last = Locked(last)
        self.began = began
    }

    /// Notes a refused call.
    ///
    /// - Parameters:
    ///   - code: of a closed list: a kind is never made of what a caller wrote.
    ///   - key: the key or token that was given.
    func note(_ code: String, of source: String?, by caller: Caller?, key: String? = nil) {
        let isMissing = code == Intake.unknownKey.code && key == nil
        let code = isMissing ? Self.missingKey : code
        let call = RefusedCall(
            source: source, code: code, at: clock.now(), path: caller?.path ?? "",
            origin: caller?.origin, userAgent: caller?.userAgent, key: key)
        store.note(call)
        let kind = Kind(source: source, code: code)
        let before = last.withLock { last in
            defer { last[kind] = call.at }
            return last[kind]
        }
        let isNew = before.map { call.at.since($0) >= RefusalRow.freshSpan } ?? true
        if isNew { began(call) }
    }
}
