/// A moment in wall time: integer milliseconds since 1970-01-01T00:00:00Z, as the store keeps it.
package struct Timestamp: Sendable, Hashable, Comparable {
    /// Milliseconds since 1970-01-01T00:00:00Z.
    package let milliseconds: Int64

    /// A moment as the store keeps it.
    package init(milliseconds: Int64) { self.milliseconds = milliseconds }

    /// True when the first moment is the earlier one.
    package static func < (left: Timestamp, right: Timestamp) -> Bool {
        left.milliseconds < right.milliseconds
    }

    /// The moment a span later, to the millisecond; saturates instead of overflowing.
    package static func + (moment: Timestamp, span: Duration) -> Timestamp {
        let milliseconds = span.milliseconds
        let (sum, overflow) = moment.milliseconds.addingReportingOverflow(milliseconds)
        return Timestamp(milliseconds: overflow ? (milliseconds > 0 ? .max : .min) : sum)
    }

    /// The moment a span earlier, to the millisecond; saturates instead of overflowing.
    package static func - (moment: Timestamp, span: Duration) -> Timestamp {
        moment + (.zero - span)
    }

    /// The span from an earlier moment to this one; negative when that moment is later.
    package func since(_ earlier: Timestamp) -> Duration {
        .milliseconds(milliseconds &- earlier.milliseconds)
    }

    /// The moment as text, such as `2026-06-06T10:15:30.000Z`.
    package var iso8601: String { Self.standard?.format(self) ?? "" }

    private static let standard = try? DatePattern("yyyy-MM-dd'T'HH:mm:ss.SSSX")
}
