import JSON

/// A place in a text of digits, names and separators that is read from left to right.
struct TimeScanner {
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

    /// Steps over spaces.
    mutating func skipBlanks() { while skip(" ") {} }

    /// A number of exactly so many digits; nil when something else stands there.
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

    /// A number whose count of digits lies in a range; nil when it has more or fewer.
    mutating func number(digits range: ClosedRange<Int>) -> Int? {
        let count = bytes[at...].prefix { $0.isASCIIDigit }.count
        return range.contains(count) ? digits(count) : nil
    }

    /// The ASCII letters that come next, in lower case; empty for none.
    mutating func letters() -> String {
        let text = bytes[at...].prefix { $0.isASCIIUppercase || $0.isASCIILowercase }
        at += text.count
        return String(decoding: text.map { $0 | 0x20 }, as: UTF8.self)
    }

    /// Milliseconds since midnight; a plain number, because every event's time is read here.
    mutating func timeOfDay() -> Int? {
        guard let hour = digits(2), skip(":"), let minute = digits(2), hour < 24, minute < 60
        else { return nil }
        var second = 0
        if skip(":") {
            guard let value = digits(2), value <= 60 else { return nil }
            second = value
        }
        var thousandths = 0
        if skip(".") || skip(",") {
            guard let value = fraction() else { return nil }
            thousandths = value
        }
        return (hour * 3_600 + minute * 60 + second) * 1_000 + thousandths
    }

    /// Thousandths, from 1 to so many digits; what is smaller is cut off.
    mutating func fraction(digits most: Int = 9) -> Int? {
        var value = 0
        var count = 0
        while at < bytes.count, bytes[at].isASCIIDigit, count < most {
            if count < 3 { value = value * 10 + Int(bytes[at] - UInt8(ascii: "0")) }
            count += 1
            at += 1
        }
        guard count > 0 else { return nil }
        for _ in count..<max(count, 3) { value *= 10 }
        return value
    }

    /// Minutes east of UTC: of an offset, of a zone's name, or of both; zero at the end.
    mutating func zone() -> Int? {
        if isAtEnd || skip("Z") && isAtEnd { return 0 }
        skipBlanks()
        let name = letters()
        guard let named = name.isEmpty ? 0 : Self.zones[name] else { return nil }
        if isAtEnd { return named }
        guard let offset = offset() ?? (name.isEmpty ? nil : named) else { return nil }
        skipRemark()
        return offset
    }

    /// Minutes of an offset such as `+01:00`; nil when there is none.
    private mutating func offset() -> Int? {
        let sign: Int
        if skip("+") { sign = 1 } else if skip("-") { sign = -1 } else { return nil }
        guard let hours = digits(2), hours < 24 else { return nil }
        if isAtEnd { return sign * hours * 60 }
        _ = skip(":")
        guard let minutes = digits(2), minutes < 60 else { return nil }
        return sign * (hours * 60 + minutes)
    }

    /// Steps over what some writers add to an offset: the zone's name, or a text in parentheses.
    private mutating func skipRemark() {
        let start = at
        skipBlanks()
        if !letters().isEmpty, isAtEnd { return }
        if skip("("), bytes[at...].firstIndex(of: UInt8(ascii: ")")) == bytes.count - 1 {
            at = bytes.count
        } else {
            at = start
        }
    }

    /// Steps over a weekday's English name and its comma; false when other letters come next.
    mutating func skipWeekday() -> Bool {
        let name = letters()
        if name.isEmpty { return true }
        let isKnown = Self.weekdays.contains { $0 == name || name.count == 3 && $0.hasPrefix(name) }
        _ = skip(",")
        skipBlanks()
        return isKnown
    }

    /// The number of a month whose English name comes next, whole or its first three letters.
    mutating func month() -> Int? {
        let start = at
        let name = letters()
        let index = Self.months.firstIndex { $0 == name || name.count == 3 && $0.hasPrefix(name) }
        if index == nil { at = start }
        return index.map { $0 + 1 }
    }

    /// A year of four digits, or one of two, which RFC 2822 (4.3) puts between 1950 and 2049.
    mutating func year() -> Int? {
        let start = at
        guard let year = number(digits: 2...4), year >= 1_000 || at - start == 2 else { return nil }
        return year >= 1_000 ? year : year + (year < 50 ? 2_000 : 1_900)
    }

    private static let weekdays = [
        "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday",
    ]
    private static let months = [
        "january", "february", "march", "april", "may", "june", "july", "august", "september",
        "october", "november", "december",
    ]

    /// The zones of RFC 2822 in minutes east of UTC.
    private static let zones = [
        "z": 0, "utc": 0, "gmt": 0, "ut": 0, "est": -300, "edt": -240, "cst": -360, "cdt": -300,
        "mst": -420, "mdt": -360, "pst": -480, "pdt": -420,
    ]
}
