import Events
import HTTPTypes

/// The rate limits of the sources: one token bucket for each source that has a limit.
final class RateLimits: Sendable {
    /// The code of the answer to a source that is too fast.
    static let code = "too_fast"

    private let buckets = Locked<[String: TokenBucket]>([:])

    /// The pause that a source has to make when it is too fast, in whole seconds; nil when it may
    /// send now.
    ///
    /// - Parameter perSecond: requests a second that the source may send; nil for no limit.
    func pause(for source: String, perSecond: Double?, at now: Timestamp) -> Duration? {
        guard let perSecond else { return nil }
        return buckets.withLock { buckets in
            var bucket = buckets[source] ?? TokenBucket(perSecond: perSecond, now: now)
            defer { buckets[source] = bucket }
            if bucket.take(now: now) { return nil }
            let wait = bucket.nextToken(now: now).since(now).milliseconds
            return .seconds(max(1, (wait + 999) / 1000))
        }
    }

    /// The answer to a source that is too fast; nil when it may send now.
    func refusal(of source: String, perSecond: Double?, at now: Timestamp) -> Answer? {
        guard let pause = pause(for: source, perSecond: perSecond, at: now) else { return nil }
        var answer = Answer.failure(
            .tooManyRequests,
            Problem(
                code: Self.code, message: "The source \"\(source)\" sends too fast.",
                hint: "Wait as long as Retry-After says, then send it again."))
        answer.headers = [.retryAfter(pause)]
        return answer
    }
}
