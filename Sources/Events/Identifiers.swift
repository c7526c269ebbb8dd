/// The id of a stored event: milliseconds and a counter in one integer, so that it needs no index.
///
/// Ids are handed out by the store's one writer and never go backwards, even when the clock does.
package struct EventID: Sendable, Hashable, Comparable {
    /// The id as the store keeps it.
    package let number: Int64
    /// Counter bits below the milliseconds: about a million events a millisecond.
    package static let counterBits: Int64 = 20

    /// An id as the store keeps it.
    package init(number: Int64) { self.number = number }

    /// The id before every event's.
    package static let none = EventID(number: 0)

    /// The first id of a moment; ids of later moments are larger.
    package init(first moment: Timestamp) {
        number = max(0, moment.milliseconds) << Self.counterBits
    }

    /// The id after `last` for an event received at `moment`.
    package static func next(after last: EventID, at moment: Timestamp) -> EventID {
        max(EventID(number: last.number + 1), EventID(first: moment))
    }

    /// The id as users see it: `evt_` and thirteen characters of Crockford's base 32, which sort
    /// like the number.
    package var text: String { text(after: "evt_") }

    /// The thirteen characters without `evt_`, as they stand in a delivery's id.
    package var code: String { text(after: "") }

    private func text(after prefix: StaticString) -> String {
        let start = prefix.utf8CodeUnitCount
        return String(unsafeUninitializedCapacity: start + Self.codeLength) { buffer in
            prefix.withUTF8Buffer { _ = buffer.initialize(fromContentsOf: $0) }
            var rest = number
            for position in (start..<start + Self.codeLength).reversed() {
                buffer[position] = Self.alphabet[Int(rest & 31)]
                rest >>= 5
            }
            return start + Self.codeLength
        }
    }

    /// Reads `evt_…`; nil when the text is no such id.
    package init?(_ text: String) {
        guard text.hasPrefix("evt_") else { return nil }
        self.init(code: text.dropFirst(4))
    }

    /// Reads the thirteen characters alone; nil when they are none.
    package init?(code: Substring) {
        guard code.utf8.count == Self.codeLength else { return nil }
        var number: Int64 = 0
        for byte in code.utf8 {
            guard let digit = Self.alphabet.firstIndex(of: byte), number < 1 << 58 else {
                return nil
            }
            number = number << 5 | Int64(digit)
        }
        self.number = number
    }

    /// True when the first event was stored before the second.
    package static func < (left: EventID, right: EventID) -> Bool { left.number < right.number }

    private static let codeLength = 13
    private static let alphabet = Array("0123456789abcdefghjkmnpqrstvwxyz".utf8)
}

/// The id of a delivery: one event for one destination, the unit of the queue and of the log.
package struct DeliveryID: Sendable, Hashable {
    /// The event.
    package let event: EventID
    /// The destination's name.
    package let destination: String

    /// The delivery of an event to a destination.
    package init(event: EventID, destination: String) {
        self.event = event
        self.destination = destination
    }

    /// The id as users see it: `dlv_`, the event's code, `_`, and the destination's name.
    package var text: String { "dlv_\(event.code)_\(destination)" }

    /// Reads `dlv_…`; nil when the text is no such id.
    package init?(_ text: String) {
        let rest = text.dropFirst(4)
        guard text.hasPrefix("dlv_"), rest.count > 14, rest.dropFirst(13).first == "_",
            let event = EventID(code: rest.prefix(13))
        else { return nil }
        self.init(event: event, destination: String(rest.dropFirst(14)))
    }
}

/// The key of an identity's lanes: its deliveries to one destination keep their order.
package struct LaneKey: Sendable, Hashable {
    /// The key as the store keeps it.
    package let number: Int64
    /// A key as the store keeps it.
    package init(number: Int64) { self.number = number }
}
