import JSON

extension Timestamp {
    /// Reads ISO 8601 as real SDKs write it.
    ///
    /// Date, or date and time with `T` or a space; 0 to 9 fraction digits; `Z`, `+hh:mm`, `+hhmm`
    /// or no zone (read as UTC). Nil for everything else and for dates that do not exist.
    package init?(iso8601 text: String) {
        var text = text
        guard let milliseconds = text.withUTF8({ Self.read($0) }) else { return nil }
        self.init(milliseconds: milliseconds)
    }

    private static func read(_ text: UnsafeBufferPointer<UInt8>) -> Int64? {
        var scanner = DigitScanner(bytes: text)
        guard let year = scanner.digits(4), scanner.skip("-"), let month = scanner.digits(2),
            scanner.skip("-"), let day = scanner.digits(2), (1...12).contains(month),
            (1...daysIn(month: month, year: year)).contains(day)
        else { return nil }
        var milliseconds = Int64(daysFromCivil(year: year, month: month, day: day)) * 86_400_000
        if !scanner.isAtEnd {
            guard scanner.skip("T") || scanner.skip("t") || scanner.skip(" "),
                let time = scanner.timeOfDay()
            else { return nil }
            milliseconds += time
        }
        return scanner.isAtEnd ? milliseconds : nil
    }
}

/// A place in a text of digits and separators that is read from left to right.
private struct DigitScanner {
    let bytes: UnsafeBufferPointer<UInt8>
    private var at = 0

    init(bytes: UnsafeBufferPointer<UInt8>) { self.bytes = bytes }

    var isAtEnd: Bool { at == bytes.count }

    /// Steps over an ASCII character when it comes next.
    @inline(__always)
    mutating func skip(_ character: Unicode.Scalar) -> Bool {
        guard at < bytes.count, bytes[at] == UInt8(ascii: character) else { return false }
        at += 1
        return true
    }

    /// A number of so many digits; nil when something else stands there.
    mutating func digits(_ count: Int) -> Int? {
        guard at + count <= bytes.count else { return nil }
        var value = 0
        for _ in 0..<count {
            guard bytes[at].isASCIIDigit else { return nil }
            value = value * 10 + Int(bytes[at] - UInt8(ascii: "0"))
            at += 1
        }
        return value
    }

    /// Milliseconds into the day, the zone's offset already taken off.
    mutating func timeOfDay() -> Int64? {
        guard let hour = digits(2), skip(":"), let minute = digits(2), hour < 24, minute < 60
        else { return nil }
        var second = 0
        if skip(":") {
            guard let value = digits(2), value <= 60 else { return nil }
            second = value
        }
        var fraction: Int64 = 0
        if skip(".") || skip(",") {
            guard let value = fractionMilliseconds() else { return nil }
            fraction = value
        }
        guard let offset = zone() else { return nil }
        return Int64(hour * 3600 + minute * 60 + second - offset * 60) * 1000 + fraction
    }

    private mutating func fractionMilliseconds() -> Int64? {
        var value: Int64 = 0
        var count = 0
        while at < bytes.count, bytes[at].isASCIIDigit, count < 9 {
            if count < 3 { value = value * 10 + Int64(bytes[at] - UInt8(ascii: "0")) }
            count += 1
            at += 1
        }
        guard count > 0 else { return nil }
        for _ in count..<max(count, 3) { value *= 10 }
        return value
    }

    /// Minutes east of UTC.
    private mutating func zone() -> Int? {
        if isAtEnd || skip("Z") || skip("z") { return 0 }
        let sign: Int
        if skip("+") { sign = 1 } else if skip("-") { sign = -1 } else { return nil }
        guard let hours = digits(2), hours < 24 else { return nil }
        if isAtEnd { return sign * hours * 60 }
        _ = skip(":")
        guard let minutes = digits(2), minutes < 60 else { return nil }
        return sign * (hours * 60 + minutes)
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
