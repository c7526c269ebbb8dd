package import Events
package import JSON

/// Something an operator has to know at once, and what to do about it.
package struct Alert: Sendable, Equatable {
    package enum Kind: String, Sendable, CaseIterable {
        /// A destination is held: its set-up is wrong.
        case held
        /// A destination rests: it does not answer.
        case resting
        /// A destination has refused many deliveries in a row.
        case refusing
        /// The address that one event's name has for itself does not take it.
        case wrongAddress = "wrong_address"
        /// The disk is nearly full, or too many wait: no events are taken.
        case storePressed = "store_pressed"
        /// Calls to a source are refused, or calls that name no source.
        case callsRefused = "calls_refused"
    }
    package var kind: Kind
    package var destination: String?
    /// The source that refused calls were meant for.
    package var source: String?
    package var at: Timestamp
    package var hint: String
    package var fix: String
    /// A delivery that met it.
    package var delivery: String?

    package init(
        kind: Kind, destination: String?, at: Timestamp, hint: String, fix: String,
        delivery: String?
    ) {
        self.kind = kind
        self.destination = destination
        self.at = at
        self.hint = hint
        self.fix = fix
        self.delivery = delivery
    }

    /// The command that helps.
    package var command: String {
        switch kind {
        case .held: "sluice destination release \(destination ?? "")"
        case .wrongAddress: "sluice delivery \(delivery ?? "")"
        case .resting, .refusing, .storePressed, .callsRefused: "sluice status"
        }
    }

    /// Writes the alert as JSON, as it is posted to `alerts.url`.
    ///
    /// - Parameter message: the alert in one line, in the words of the log.
    package func write(to writer: inout JSONWriter, message: String) {
        writer.beginObject()
        writer.member("alert", kind.rawValue)
        writer.member("destination", destination)
        writer.member("source", source)
        writer.member("at", at.iso8601)
        writer.member("message", message)
        writer.member("hint", hint)
        writer.member("fix", fix)
        writer.member("delivery", delivery)
        writer.member("command", command)
        writer.endObject()
    }
}
