import Events

/// The Date header of an answer (RFC 9110 §5.6.7), such as `Sat, 06 Jun 2026 10:15:30 GMT`.
///
/// The text is made once a second and shared by all connections.
enum HTTPDate {
    private static let last = Locked<(second: Int64, text: String)>((-1, ""))
    private static let pattern = try? DatePattern("dd MM yyyy HH:mm:ss 'GMT'")
    private static let days = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    /// The date of a moment.
    static func text(of moment: Timestamp) -> String {
        let second = moment.milliseconds / 1000
        return last.withLock { last in
            if last.second != second { last = (second, format(moment)) }
            return last.text
        }
    }

    private static func format(_ moment: Timestamp) -> String {
        let parts = (pattern?.format(moment) ?? "").split(separator: " ")
        guard parts.count == 5, let month = Int(parts[1]) else { return "" }
        let day = days[Int(moment.milliseconds / 86_400_000) % 7]
        return "\(day), \(parts[0]) \(months[month - 1]) \(parts[2]) \(parts[3]) \(parts[4])"
    }
}
