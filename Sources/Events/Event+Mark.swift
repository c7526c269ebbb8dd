package import JSON

extension Event {
    /// A repair, a removal or a warning from an event's acceptance; shown in the log with the
    /// event.
    package enum Mark: Sendable, Hashable {
        /// `NaN` or an infinity became null.
        case nonFiniteNumber
        /// Half of a surrogate pair became U+FFFD.
        case loneSurrogate
        /// Over 32 KB: accepted, but many services refuse it.
        case large
        /// A `timestamp` that is no date; the time of receipt stands in.
        case unreadableTimestamp
        /// A value that is never stored was left out or masked; its path, never the value.
        case removed(String)

        private static let plain: [Mark] = [
            .nonFiniteNumber, .loneSurrogate, .large, .unreadableTimestamp,
        ]
        private static let removal = "removed:"

        /// The mark of a repair.
        package init(_ repair: JSONRepair) {
            switch repair {
            case .nonFiniteNumber: self = .nonFiniteNumber
            case .loneSurrogate: self = .loneSurrogate
            }
        }

        /// The mark as the log shows it.
        package var rawValue: String {
            switch self {
            case .nonFiniteNumber: "repaired:non_finite_number"
            case .loneSurrogate: "repaired:lone_surrogate"
            case .large: "warning:large_event"
            case .unreadableTimestamp: "warning:unreadable_timestamp"
            case .removed(let path): Self.removal + path
            }
        }

        /// The mark that the log shows so; nil when there is none.
        package init?(rawValue: String) {
            if rawValue.hasPrefix(Self.removal) {
                self = .removed(String(rawValue.dropFirst(Self.removal.count)))
            } else if let mark = Self.plain.first(where: { $0.rawValue == rawValue }) {
                self = mark
            } else {
                return nil
            }
        }
    }
}

extension [Event.Mark] {
    /// The marks in one text, as they are stored: a blank between two, and a blank, a percent sign
    /// or a control character inside one percent-encoded.
    package var stored: String {
        map { mark in
            mark.rawValue.unicodeScalars.reduce(into: "") { text, scalar in
                if scalar.value > 0x20, scalar != "%", scalar.value != 0x7F {
                    text.unicodeScalars.append(scalar)
                } else {
                    text += "%" + (scalar.value < 16 ? "0" : "") + String(scalar.value, radix: 16)
                }
            }
        }.joined(separator: " ")
    }

    /// The marks of a stored text.
    package init(stored text: String) {
        self = text.split(separator: " ").compactMap { mark in
            let pieces = mark.split(separator: "%", omittingEmptySubsequences: false)
            let plain = pieces.dropFirst().reduce(into: String(pieces[0])) { text, piece in
                let scalar = UInt32(piece.prefix(2), radix: 16).flatMap { Unicode.Scalar($0) }
                if let scalar { text.unicodeScalars.append(scalar) }
                text += piece.dropFirst(2)
            }
            return Event.Mark(rawValue: plain)
        }
    }
}
