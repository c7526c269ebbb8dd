import Events
import JSON
import Store

extension ReplayOrder: OrderBody {
    init(json: JSONValue) throws(Problem) {
        let texts = try json.texts("deliveries")
        let deliveries = texts.compactMap { DeliveryID($0) }
        guard deliveries.count == texts.count else {
            throw JSONValue.wrong("deliveries", "an array of delivery ids")
        }
        self.init(
            deliveries: deliveries, asWas: try json.truth("asWas"),
            perSecond: try json.number("perSecond"), reason: try json.text("reason"))
        guard perSecond > 0 else { throw JSONValue.wrong("perSecond", "above 0") }
        first = try json.integer("first")
    }

    func appendMembers(to writer: inout JSONWriter) {
        writer.member("deliveries", deliveries.map(\.text))
        writer.member("asWas", asWas)
        writer.key("perSecond")
        writer.raw(Array("\(perSecond)".utf8)[...])
        writer.member("first", first)
        writer.member("reason", reason)
    }
}

extension ReplayOrder.Outcome: OrderBody {
    init(json: JSONValue) throws(Problem) {
        self.init()
        queued = try json.integer("queued")
        filtered = try json.integer("filtered")
        refused = try json.integer("refused")
    }

    func appendMembers(to writer: inout JSONWriter) {
        writer.member("queued", queued)
        writer.member("filtered", filtered)
        writer.member("refused", refused)
    }
}
