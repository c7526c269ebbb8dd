import Events
import JSON
import Store

/// The body of an order to read kept webhooks again.
struct ReprocessOrder: OrderBody {
    /// The number of one rejected body; nil for all of the source.
    let number: Int64?

    init(number: Int64?) { self.number = number }

    init(json: JSONValue) throws(Problem) {
        number = json["number"] == nil ? nil : Int64(try json.integer("number"))
    }

    func appendMembers(to writer: inout JSONWriter) {
        writer.member("number", number.map { Int($0) })
    }
}

extension ReprocessReport: OrderBody {
    init(json: JSONValue) throws(Problem) {
        self.init()
        bodies = try json.integer("bodies")
        events = try json.integer("events")
        kept = try json.integer("kept")
    }

    func appendMembers(to writer: inout JSONWriter) {
        writer.member("bodies", bodies)
        writer.member("events", events)
        writer.member("kept", kept)
    }
}
