import Events
import JSON

/// The times of an event: when it happened, and when it was sent.
///
/// A readable `timestamp` is taken as it is: a server gives the true time there. Only
/// `originalTimestamp` is what the clock of a device showed. How far that clock is off is seen by
/// `sentAt`, which it showed when the event was sent, so the event's time is `originalTimestamp +
/// (receivedAt − sentAt)`. A correction that leads after the receipt or goes further than a year
/// says that `sentAt` is wrong, not the clock; the time is then left as it came. A time that cannot
/// be read, or lies where no event can, gives way to the next one, at last to the time of receipt.
struct EventTimes {
    /// The moment it happened.
    let happened: Timestamp
    /// The moment the sender sent it, by the sender's clock.
    let sent: Timestamp?

    /// Chooses the event's time, and marks what could not be used.
    init(
        timestamp: JSONValue?, original: JSONValue?, sent: JSONValue?, receivedAt: Timestamp,
        limits: AcceptLimits, marks: inout [Event.Mark]
    ) {
        // A machine without a clock battery starts in 1970.
        let likely =
            limits.earliestTime...max(limits.earliestTime, receivedAt + limits.timeAhead)
        let sentAt = sent.flatMap { Timestamp(reading: $0) }
        self.sent = sentAt
        if let timestamp {
            let moment = Timestamp(reading: timestamp)
            if let moment, likely.contains(moment) {
                happened = moment
                return
            }
            marks.append(Self.mark(timestamp, isRead: moment != nil))
        }
        guard let original else {
            happened = receivedAt
            return
        }
        guard var moment = Timestamp(reading: original) else {
            marks.append(Self.mark(original, isRead: false))
            happened = receivedAt
            return
        }
        if let sent {
            let correction = sentAt.map { receivedAt.since($0) }
            if let sentAt, let correction, moment <= sentAt,
                max(correction, .zero - correction) <= limits.clockCorrection
            {
                moment = moment + correction
            } else {
                marks.append(Event.Mark(.clockNotCorrected, value: sent))
            }
        }
        if likely.contains(moment) {
            happened = moment
        } else {
            marks.append(Self.mark(original, isRead: true))
            happened = receivedAt
        }
    }

    private static func mark(_ value: JSONValue, isRead: Bool) -> Event.Mark {
        Event.Mark(isRead ? .unlikelyTimestamp : .unreadableTimestamp, value: value)
    }
}
