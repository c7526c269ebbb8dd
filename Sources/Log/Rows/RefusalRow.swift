package import Events

/// The calls to one source that were refused for one reason: how many, and the last of them.
package struct RefusalRow: Sendable, Equatable {
    /// The source they were meant for; nil when nobody can tell.
    package var source: String?
    /// The code of what was wrong.
    package var code: String
    /// Calls since `firstAt`.
    package var count: Int
    package var firstAt: Timestamp
    package var lastAt: Timestamp
    /// The path of the last call; a key in it is masked.
    package var path: String
    /// The origin of the page that made the last call.
    package var origin: String?
    /// The program that made the last call, as it named itself.
    package var userAgent: String?
    /// The last four characters of the key that the last call gave.
    package var keyEnding: String?

    /// The time after the last refused call for which an operator is asked to look.
    package static let freshSpan = Duration.hours(1)
    /// The time after which refused calls are no longer shown, counted from the last one.
    package static let shownSpan = Duration.days(7)

    package init(
        source: String?, code: String, count: Int, firstAt: Timestamp, lastAt: Timestamp,
        path: String, origin: String?, userAgent: String?, keyEnding: String?
    ) {
        self.source = source
        self.code = code
        self.count = count
        self.firstAt = firstAt
        self.lastAt = lastAt
        self.path = path
        self.origin = origin
        self.userAgent = userAgent
        self.keyEnding = keyEnding
    }

    /// True while the last one is so recent that somebody has to look.
    package func isFresh(at now: Timestamp) -> Bool { now.since(lastAt) < Self.freshSpan }
}
