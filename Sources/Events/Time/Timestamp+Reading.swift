package import JSON

/// Reading moments as senders write them.
///
/// Three families of spelling are tried, the most common one first: ISO 8601 (`2026-11-28T09:00Z`,
/// with all that databases and languages make of it), a number of seconds or milliseconds since
/// 1970, and the dates of mail and HTTP headers (`Sat, 28 Nov 2026 09:00:00 GMT`). Their first
/// characters differ, so that a text is never read in two ways. No family guesses the order of
/// day and month. All times of senders go through this one reader.
extension Timestamp {
    /// Reads a moment from a sender's value: a text, or a number since 1970.
    ///
    /// Nil for every other value, for what has no known spelling, and for dates that do not exist.
    package init?(reading value: JSONValue) {
        let isText = value.kind == .string
        guard isText || value.kind == .number else { return nil }
        let raw = isText ? value.raw.dropFirst().dropLast() : value.raw
        let found = raw.withUnsafeBufferPointer { Self.read($0) }
        if let found {
            self = found
            return
        }
        guard isText, raw.contains(UInt8(ascii: "\\")), let text = value.string else { return nil }
        self.init(reading: text)
    }

    /// Reads a moment from a text.
    ///
    /// * ISO 8601: a date, or a date and a time with `T` or a space; 0 to 9 fraction digits; `Z`,
    ///   `UTC`, `+hh:mm`, `+hhmm`, `+hh`, after a blank or not, or no zone (read as UTC).
    /// * A number since 1970: seconds below 10¹¹ (the year 5138), milliseconds from there on.
    /// * RFC 2822, and the text of a date in JavaScript.
    package init?(reading text: String) {
        var text = text
        guard let moment = text.withUTF8({ Self.read($0) }) else { return nil }
        self = moment
    }

    private static func read(_ text: UnsafeBufferPointer<UInt8>) -> Timestamp? {
        if let moment = readISO8601(text) { return moment }
        let blanks = { (byte: UInt8) in byte <= UInt8(ascii: " ") }
        let start = text.firstIndex { !blanks($0) } ?? text.endIndex
        let end = text.lastIndex { !blanks($0) }.map { $0 + 1 } ?? start
        if end - start < text.count { return read(.init(rebasing: text[start..<end])) }
        return readNumber(text) ?? readMailDate(text)
    }

    private static func readISO8601(_ text: UnsafeBufferPointer<UInt8>) -> Timestamp? {
        var scanner = TimeScanner(bytes: text)
        guard let year = scanner.digits(4), scanner.skip("-"), let month = scanner.digits(2),
            scanner.skip("-"), let day = scanner.digits(2),
            let midnight = Timestamp(year: year, month: month, day: day)
        else { return nil }
        if scanner.isAtEnd { return midnight }
        guard scanner.skip("T") || scanner.skip("t") || scanner.skip(" "),
            let time = scanner.timeOfDay(), let offset = scanner.zone(), scanner.isAtEnd
        else { return nil }
        return midnight.advanced(milliseconds: time, minutes: -offset)
    }

    /// Reads a date of a mail or HTTP header, with or without a weekday, or one that JavaScript
    /// writes; the weekday is not compared with the date.
    private static func readMailDate(_ text: UnsafeBufferPointer<UInt8>) -> Timestamp? {
        var scanner = TimeScanner(bytes: text)
        guard scanner.skipWeekday() else { return nil }
        var month = scanner.month()
        scanner.skipBlanks()
        guard let day = scanner.number(digits: 1...2) else { return nil }
        scanner.skipBlanks()
        if month == nil {
            month = scanner.month()
            scanner.skipBlanks()
        }
        guard let month, let year = scanner.year() else { return nil }
        scanner.skipBlanks()
        guard let midnight = Timestamp(year: year, month: month, day: day),
            let time = scanner.timeOfDay(), let offset = scanner.zone(), scanner.isAtEnd
        else { return nil }
        return midnight.advanced(milliseconds: time, minutes: -offset)
    }

    /// Reads seconds or milliseconds since 1970, such as `1795856400.5`.
    private static func readNumber(_ text: UnsafeBufferPointer<UInt8>) -> Timestamp? {
        var scanner = TimeScanner(bytes: text)
        let isNegative = scanner.skip("-")
        guard let whole = scanner.number(digits: 1...18) else { return nil }
        var thousandths = 0
        if scanner.skip(".") {
            guard let fraction = scanner.fraction(digits: 30) else { return nil }
            thousandths = fraction
        }
        if scanner.isAtEnd {
            let isSeconds = whole < secondsEnd
            let milliseconds = isSeconds ? whole * 1_000 + thousandths : whole
            return Timestamp(milliseconds: Int64(isNegative ? -milliseconds : milliseconds))
        }
        // A float that was written with an exponent.
        guard scanner.skip("e") || scanner.skip("E"),
            let number = Double(String(decoding: text, as: UTF8.self)), abs(number) < 1e15
        else { return nil }
        let milliseconds = abs(number) < Double(secondsEnd) ? number * 1_000 : number
        return Timestamp(milliseconds: Int64(milliseconds.rounded()))
    }

    /// Smaller numbers count seconds, all others milliseconds.
    private static let secondsEnd = 100_000_000_000

    private func advanced(milliseconds more: Int, minutes: Int) -> Timestamp {
        Timestamp(milliseconds: milliseconds + Int64(more + minutes * 60_000))
    }

    /// The midnight, in UTC, that a day begins with; nil when there is no such day.
    private init?(year: Int, month: Int, day: Int) {
        guard (1...12).contains(month), (1...daysIn(month: month, year: year)).contains(day)
        else { return nil }
        let days = daysFromCivil(year: year, month: month, day: day)
        self.init(milliseconds: Int64(days) * 86_400_000)
    }
}

private func daysIn(month: Int, year: Int) -> Int {
    switch month {
    case 2: (year % 4 == 0 && year % 100 != 0) || year % 400 == 0 ? 29 : 28
    case 4, 6, 9, 11: 30
    default: 31
    }
}

/// Days since 1970-01-01 in the proleptic Gregorian calendar.
private func daysFromCivil(year: Int, month: Int, day: Int) -> Int {
    let shifted = month <= 2 ? year - 1 : year
    let era = (shifted >= 0 ? shifted : shifted - 399) / 400
    let yearOfEra = shifted - era * 400
    let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
    return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
}
