import Events
import JSON

extension Problem {
    /// The problem as members of an answer that is open.
    func appendMembers(to writer: inout JSONWriter) {
        writer.member("code", code)
        writer.member("message", message)
        writer.member("hint", hint)
    }

    /// The problem that an answer tells.
    ///
    /// - Parameter status: the answer's HTTP status, for one that tells none.
    init(json: JSONValue, status: Int) {
        self.init(
            code: json["code"]?.string ?? "refused",
            message: json["message"]?.string ?? "The server answered \(status).",
            hint: json["hint"]?.string ?? "See its log.")
    }
}
