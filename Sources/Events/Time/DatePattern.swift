/// A date format of a blueprint; dates come out in UTC.
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

    /// The error of a pattern with a letter outside quotes that is no known field.
    package struct UnknownField: Error, Sendable {
        /// The letters as they stand in the pattern.
        package let field: String
    }

    /// Reads a pattern.
    package init(_ pattern: String) throws(UnknownField) {
        var parts: [Part] = []
        var rest = pattern[...]
        while let first = rest.first {
            if first == "'" {
                let body = rest.dropFirst().prefix { $0 != "'" }
                guard body.endIndex < rest.endIndex else { throw UnknownField(field: "'") }
                parts.append(.text(body.isEmpty ? [UInt8(ascii: "'")] : Array(body.utf8)))
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
            case .field(.shortZone): text.append(UInt8(ascii: "Z"))
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
            append(UInt8(ascii: "0") + UInt8(number / unit % 10))
            unit /= 10
        }
    }
}

extension Int64 {
    fileprivate func flooredDivision(by divisor: Int64) -> Int64 {
        self >= 0 ? self / divisor : (self - divisor + 1) / divisor
    }
}

/// The date in the proleptic Gregorian calendar, so many days after 1970-01-01.
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
