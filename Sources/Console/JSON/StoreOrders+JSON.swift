import Events
import JSON

/// The body of an order to copy the store.
struct BackupOrder: OrderBody {
    /// The new file, as the server's machine names it.
    let path: String

    init(path: String) { self.path = path }

    init(json: JSONValue) throws(Problem) { path = try json.text("path") }

    func appendMembers(to writer: inout JSONWriter) { writer.member("path", path) }
}

/// The answer to an order to check the store.
struct CheckAnswer: OrderBody {
    /// A sentence for each fault; empty when the store is good.
    let faults: [String]

    init(faults: [String]) { self.faults = faults }

    init(json: JSONValue) throws(Problem) { faults = try json.texts("faults") }

    func appendMembers(to writer: inout JSONWriter) { writer.member("faults", faults) }
}
