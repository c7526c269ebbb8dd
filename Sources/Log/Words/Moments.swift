package import Events

/// A moment with its distance from now, such as `2026-06-06T10:15:30.000Z (3 min ago)`.
package func moment(_ moment: Timestamp, from now: Timestamp) -> String {
    "\(moment.iso8601) (\(distance(to: moment, from: now)))"
}

/// The distance of a moment from now in words, such as `3 min ago` or `in 40 s`.
package func distance(to moment: Timestamp, from now: Timestamp) -> String {
    let isPast = moment <= now
    let seconds = max(0, (isPast ? now.since(moment) : moment.since(now)).milliseconds / 1000)
    let text: String
    switch seconds {
    case ..<1: return isPast ? "just now" : "in a moment"
    case ..<120: text = "\(seconds) s"
    case ..<7_200: text = "\(seconds / 60) min"
    case ..<172_800: text = "\(seconds / 3_600) h"
    default: text = "\(seconds / 86_400) days"
    }
    return isPast ? "\(text) ago" : "in \(text)"
}
