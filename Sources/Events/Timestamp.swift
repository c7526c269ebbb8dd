/// A moment in wall time: integer milliseconds since 1970-01-01T00:00:00Z, as the store keeps it.
package struct Timestamp: Sendable, Hashable, Comparable {
    package let milliseconds: Int64

    package init(milliseconds: Int64) { self.milliseconds = milliseconds }

    package static func < (left: Timestamp, right: Timestamp) -> Bool {
        left.milliseconds < right.milliseconds
    }

    /// Saturates instead of overflowing.
    package static func + (moment: Timestamp, milliseconds: Int64) -> Timestamp {
        let (sum, overflow) = moment.milliseconds.addingReportingOverflow(milliseconds)
        return Timestamp(milliseconds: overflow ? (milliseconds > 0 ? .max : .min) : sum)
    }

    /// Milliseconds between two moments.
    package static func - (left: Timestamp, right: Timestamp) -> Int64 {
        left.milliseconds &- right.milliseconds
    }

    /// The moment a span later, to the millisecond; saturates instead of overflowing.
    package static func + (moment: Timestamp, span: Duration) -> Timestamp {
        moment + span.milliseconds
    }

    /// The moment a span earlier, to the millisecond; saturates instead of overflowing.
    package static func - (moment: Timestamp, span: Duration) -> Timestamp {
        moment + -span.milliseconds
    }

    /// How much time lies between an earlier moment and this one; negative when that one is later.
    package func since(_ earlier: Timestamp) -> Duration {
        .milliseconds(milliseconds &- earlier.milliseconds)
    }

    /// `2026-06-06T10:15:30.000Z`.
    package var iso8601: String { Self.standard?.format(self) ?? "" }

    private static let standard = try? DatePattern("yyyy-MM-dd'T'HH:mm:ss.SSSX")
}

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
        guard let year = scanner.digits(4), scanner.skip(0x2D), let month = scanner.digits(2),
            scanner.skip(0x2D), let day = scanner.digits(2), (1...12).contains(month),
            (1...daysIn(month: month, year: year)).contains(day)
        else { return nil }
        var milliseconds = Int64(daysFromCivil(year, month, day)) * 86_400_000
        if !scanner.isAtEnd {
            guard scanner.skip(0x54) || scanner.skip(0x74) || scanner.skip(0x20),
                let time = scanner.timeOfDay()
            else { return nil }
            milliseconds += time
        }
        return scanner.isAtEnd ? milliseconds : nil
    }
}

private struct DigitScanner {
    let bytes: UnsafeBufferPointer<UInt8>
    private var at = 0

    init(bytes: UnsafeBufferPointer<UInt8>) { self.bytes = bytes }

    var isAtEnd: Bool { at == bytes.count }

    mutating func skip(_ byte: UInt8) -> Bool {
        guard at < bytes.count, bytes[at] == byte else { return false }
        at += 1
        return true
    }

    mutating func digits(_ count: Int) -> Int? {
        guard at + count <= bytes.count else { return nil }
        var value = 0
        for _ in 0..<count {
            guard (0x30...0x39).contains(bytes[at]) else { return nil }
            value = value * 10 + Int(bytes[at] - 0x30)
            at += 1
        }
        return value
    }

    /// Milliseconds into the day, the zone's offset already taken off.
    mutating func timeOfDay() -> Int64? {
        guard let hour = digits(2), skip(0x3A), let minute = digits(2), hour < 24, minute < 60
        else { return nil }
        var second = 0
        if skip(0x3A) {
            guard let value = digits(2), value <= 60 else { return nil }
            second = value
        }
        var fraction: Int64 = 0
        if skip(0x2E) || skip(0x2C) {
            guard let value = fractionMilliseconds() else { return nil }
            fraction = value
        }
        guard let offset = zone() else { return nil }
        return Int64(hour * 3600 + minute * 60 + second - offset * 60) * 1000 + fraction
    }

    private mutating func fractionMilliseconds() -> Int64? {
        var value: Int64 = 0
        var count = 0
        while at < bytes.count, (0x30...0x39).contains(bytes[at]), count < 9 {
            if count < 3 { value = value * 10 + Int64(bytes[at] - 0x30) }
            count += 1
            at += 1
        }
        guard count > 0 else { return nil }
        for _ in count..<max(count, 3) { value *= 10 }
        return value
    }

    /// Minutes east of UTC.
    private mutating func zone() -> Int? {
        if isAtEnd || skip(0x5A) || skip(0x7A) { return 0 }
        let sign: Int
        if skip(0x2B) { sign = 1 } else if skip(0x2D) { sign = -1 } else { return nil }
        guard let hours = digits(2), hours < 24 else { return nil }
        if isAtEnd { return sign * hours * 60 }
        _ = skip(0x3A)
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
private func daysFromCivil(_ year: Int, _ month: Int, _ day: Int) -> Int {
    let shifted = month <= 2 ? year - 1 : year
    let era = (shifted >= 0 ? shifted : shifted - 399) / 400
    let yearOfEra = shifted - era * 400
    let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
    return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
}

private func civil(fromDays days: Int) -> (year: Int, month: Int, day: Int) {
    let shifted = days + 719_468
    let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
    let dayOfEra = shifted - era * 146_097
    let yearOfEra =
        (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shiftedMonth = (5 * dayOfYear + 2) / 153
    let month = shiftedMonth + (shiftedMonth < 10 ? 3 : -9)
    return (
        yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month,
        dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
    )
}

/// A date format as blueprints write it, always in UTC.
///
/// Fields: `yyyy MM dd HH mm ss SSS`, `Z` (`+0000`), `XXX` (`+00:00`), `X` (`Z`), text in single
/// quotes, and any character that is not a letter. Letters that are none of these are refused.
package struct DatePattern: Sendable {
    private enum Field: String, Sendable {
        case year = "yyyy"
        case month = "MM"
        case day = "dd"
        case hour = "HH"
        case minute = "mm"
        case second = "ss"
        case millisecond = "SSS"
        case basicZone = "Z"
        case extendedZone = "XXX"
        case shortZone = "X"
    }
    private enum Part: Sendable {
        case field(Field)
        case text([UInt8])
    }
    private let parts: [Part]

    /// A letter outside quotes that is no known field.
    package struct UnknownField: Error, Sendable { package let field: String }

    package init(_ pattern: String) throws(UnknownField) {
        var parts: [Part] = []
        var rest = pattern[...]
        while let first = rest.first {
            if first == "'" {
                let body = rest.dropFirst().prefix { $0 != "'" }
                guard body.endIndex < rest.endIndex else { throw UnknownField(field: "'") }
                parts.append(.text(body.isEmpty ? [0x27] : Array(body.utf8)))
                rest = rest.dropFirst(body.count + 2)
            } else if first.isLetter {
                let run = String(rest.prefix { $0 == first })
                guard let field = Field(rawValue: run) else { throw UnknownField(field: run) }
                parts.append(.field(field))
                rest = rest.dropFirst(run.count)
            } else {
                parts.append(.text(Array(String(first).utf8)))
                rest = rest.dropFirst()
            }
        }
        self.parts = parts
    }

    /// The moment in this format, in UTC.
    package func format(_ moment: Timestamp) -> String {
        let days = Int((moment.milliseconds).flooredDivision(by: 86_400_000))
        let inDay = Int(moment.milliseconds - Int64(days) * 86_400_000)
        let date = civil(fromDays: days)
        var text: [UInt8] = []
        text.reserveCapacity(48)
        for part in parts {
            switch part {
            case .text(let bytes): text.append(contentsOf: bytes)
            case .field(.year): text.append(date.year, width: 4)
            case .field(.month): text.append(date.month, width: 2)
            case .field(.day): text.append(date.day, width: 2)
            case .field(.hour): text.append(inDay / 3_600_000, width: 2)
            case .field(.minute): text.append(inDay / 60_000 % 60, width: 2)
            case .field(.second): text.append(inDay / 1000 % 60, width: 2)
            case .field(.millisecond): text.append(inDay % 1000, width: 3)
            case .field(.basicZone): text.append(contentsOf: "+0000".utf8)
            case .field(.extendedZone): text.append(contentsOf: "+00:00".utf8)
            case .field(.shortZone): text.append(0x5A)
            }
        }
        return String(decoding: text, as: UTF8.self)
    }
}

extension [UInt8] {
    /// A number with zeros before it, up to the width.
    fileprivate mutating func append(_ number: Int, width: Int) {
        var unit = 1
        for _ in 1..<width { unit *= 10 }
        guard (0..<unit * 10).contains(number) else {
            append(contentsOf: String(number).utf8)
            return
        }
        while unit > 0 {
            append(0x30 + UInt8(number / unit % 10))
            unit /= 10
        }
    }
}

extension Int64 {
    fileprivate func flooredDivision(by divisor: Int64) -> Int64 {
        self >= 0 ? self / divisor : (self - divisor + 1) / divisor
    }
}
