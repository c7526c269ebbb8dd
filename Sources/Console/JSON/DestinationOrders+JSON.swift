import Events
import JSON

/// The body of an order to hold a destination.
struct HoldOrder: OrderBody {
    /// Shown in the status.
    let reason: String

    init(reason: String) { self.reason = reason }

    init(json: JSONValue) throws(Problem) { reason = try json.text("reason") }

    func appendMembers(to writer: inout JSONWriter) { writer.member("reason", reason) }
}

/// The answer to an order to release a destination.
struct ReleaseAnswer: OrderBody {
    /// False when it was not held, and neither rested nor paused.
    let released: Bool

    init(released: Bool) { self.released = released }

    init(json: JSONValue) throws(Problem) { released = try json.truth("released") }

    func appendMembers(to writer: inout JSONWriter) { writer.member("released", released) }
}

/// The answer to an order to drop what waits for a destination.
struct DropAnswer: OrderBody {
    /// Deliveries that were cancelled.
    let dropped: Int

    init(dropped: Int) { self.dropped = dropped }

    init(json: JSONValue) throws(Problem) { dropped = try json.integer("dropped") }

    func appendMembers(to writer: inout JSONWriter) { writer.member("dropped", dropped) }
}
