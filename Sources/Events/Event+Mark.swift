package import JSON

extension Event {
    /// A repair or a warning from an event's acceptance; shown in the log with the event.
    package struct Mark: Sendable, Hashable {
        /// The cause of a mark; its raw value is the code that people read.
        package enum Kind: String, Sendable, CaseIterable {
            /// `NaN` or an infinity became null.
            case nonFiniteNumber = "repaired:non_finite_number"
            /// Half of a surrogate pair became U+FFFD.
            case loneSurrogate = "repaired:lone_surrogate"
            /// Bytes that are no UTF-8 became U+FFFD.
            case invalidUTF8 = "repaired:invalid_utf8"
            /// Over 32 KB: accepted, but many services refuse it.
            case large = "warning:large_event"
            /// A time that no rule can read; another time stands in.
            case unreadableTimestamp = "warning:unreadable_timestamp"
            /// A time before 1990 or more than a day after the receipt; another time stands in.
            case unlikelyTimestamp = "warning:unlikely_timestamp"
            /// A time of sending that would move the event's time after its receipt or by more
            /// than a year, or that no rule can read; the event's time is left as it came.
            case clockNotCorrected = "warning:clock_not_corrected"
            /// An id such as `guest` that means nobody; it is treated as absent. The value is
            /// `field:text`.
            case placeholderID = "warning:placeholder_id"
            /// A value that is never stored was left out or masked; the mark's value is its path.
            case removed
        }

        /// The cause.
        package let kind: Kind
        /// The value that was found, cut to `valueLength` characters; nil when the kind says it
        /// all.
        package let value: String?

        /// Characters of a value that are kept.
        package static let valueLength = 64

        /// A mark without a value.
        package init(_ kind: Kind) {
            self.kind = kind
            value = nil
        }

        /// A mark with the value that is its cause; control characters become U+FFFD.
        package init(_ kind: Kind, value: String) {
            self.kind = kind
            let scalars = value.unicodeScalars
            var text = String.UnicodeScalarView()
            for scalar in scalars.prefix(Self.valueLength) {
                text.append(scalar.properties.generalCategory == .control ? "\u{FFFD}" : scalar)
            }
            if scalars.dropFirst(Self.valueLength).first != nil { text.append("…") }
            self.value = String(text)
        }

        /// A mark with a value of the event: the text of a string, else the JSON as it came.
        package init(_ kind: Kind, value: JSONValue) {
            self.init(kind, value: value.string ?? String(decoding: value.raw, as: UTF8.self))
        }

        /// The mark of a repair.
        package init(repair: JSONRepair) {
            switch repair {
            case .nonFiniteNumber: self.init(.nonFiniteNumber)
            case .loneSurrogate: self.init(.loneSurrogate)
            case .invalidUTF8: self.init(.invalidUTF8)
            }
        }

        /// The mark as people and programs read it: `CODE`, or `CODE=VALUE`.
        package var text: String { value.map { "\(kind.rawValue)=\($0)" } ?? kind.rawValue }
    }
}

/// Marks as the store keeps them: their texts with a space between them; a space inside a value is
/// written `%20`, and a percent sign `%25`.
extension Event.Mark {
    /// The text of several marks; empty for none.
    package static func stored(_ marks: [Event.Mark]) -> String {
        marks.map { mark in
            guard let value = mark.value else { return mark.kind.rawValue }
            let escaped = value.replacing("%", with: "%25").replacing(" ", with: "%20")
            return "\(mark.kind.rawValue)=\(escaped)"
        }.joined(separator: " ")
    }

    /// The marks of a stored text; kinds that are not known are left out.
    package static func marks(stored text: String) -> [Event.Mark] {
        text.split(separator: " ").compactMap { part in
            let halves = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let kind = Kind(rawValue: String(halves[0])) else { return nil }
            guard halves.count == 2 else { return Event.Mark(kind) }
            let value = halves[1].replacing("%20", with: " ").replacing("%25", with: "%")
            return Event.Mark(kind, value: String(value))
        }
    }
}
