package import Events

/// The wait that an answer asks for in its Retry-After header.
package enum RetryAfter: Sendable, Equatable {
    /// So long from the answer on.
    case pause(Duration)
    /// Until a moment.
    case moment(Timestamp)

    /// A wait of so many seconds.
    package static func seconds(_ count: Int) -> RetryAfter { .pause(.seconds(count)) }

    /// The number from which on seconds are taken for a moment: 31 years are no pause.
    private static let firstMoment = 1e9

    /// Reads the header's value: seconds, with or without a fraction; a date as HTTP writes it
    /// today (`Sun, 06 Nov 1994 08:49:37 GMT`), wrote it once (`Sunday, 06-Nov-94 08:49:37 GMT`,
    /// `Sun Nov  6 08:49:37 1994`), or in ISO 8601; seconds since 1970.
    ///
    /// Nil for anything else.
    package init?(_ text: String) {
        if let seconds = Self.number(text) {
            guard seconds < Self.firstMoment else {
                self.init(momentIn: text)
                return
            }
            self = .pause(.milliseconds(Int64((seconds * 1_000).rounded())))
        } else {
            self.init(momentIn: Self.modern(text))
        }
    }

    private init?(momentIn text: String) {
        guard let moment = Timestamp(reading: text) else { return nil }
        self = .moment(moment)
    }

    /// A decimal number without a sign; nil for any other text.
    private static func number(_ text: String) -> Double? {
        let isNumber = text.utf8.allSatisfy { ("0"..."9").contains(Unicode.Scalar($0)) || $0 == 46 }
        return isNumber ? Double(text) : nil
    }

    /// The older spellings of HTTP dates in today's order of parts.
    private static func modern(_ text: String) -> String {
        let parts = text.split(separator: " ").map(String.init)
        switch parts.count {
        // Sunday, 06-Nov-94 08:49:37 GMT
        case 4 where parts[1].split(separator: "-").count == 3 && parts[0].hasSuffix(","):
            let date = parts[1].replacing("-", with: " ")
            return [parts[0], date, parts[2], parts[3]].joined(separator: " ")
        // Sun Nov 6 08:49:37 1994
        case 5 where parts[3].contains(":"):
            return "\(parts[0]), \(parts[2]) \(parts[1]) \(parts[4]) \(parts[3]) GMT"
        default: return text
        }
    }

    /// The time that is left to wait; zero when it is over, or was never one.
    package func pause(from now: Timestamp) -> Duration {
        switch self {
        case .pause(let span): max(.zero, span)
        case .moment(let moment): max(.zero, moment.since(now))
        }
    }
}
