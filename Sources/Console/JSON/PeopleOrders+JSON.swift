import Events
import JSON
import Store

/// The body of an order to store a person's answers.
struct ConsentOrder: OrderBody {
    /// A user id or an email.
    let id: String
    let answers: [ConsentChoice]
    /// True: suppressions are lifted too.
    let lift: Bool

    init(id: String, answers: [ConsentChoice], lift: Bool) {
        self.id = id
        self.answers = answers
        self.lift = lift
    }

    init(json: JSONValue) throws(Problem) {
        id = try json.person("id")
        var answers: [ConsentChoice] = []
        for answer in try json.array("answers") {
            answers.append(
                ConsentChoice(
                    category: try answer.text("category"), isGranted: try answer.truth("granted")))
        }
        self.answers = answers
        lift = try json.truth("lift")
    }

    func appendMembers(to writer: inout JSONWriter) {
        writer.member("id", id)
        writer.member("answers", objectsOf: answers) { answer, writer in
            writer.member("category", answer.category)
            writer.member("granted", answer.isGranted)
        }
        writer.member("lift", lift)
    }
}

/// The answer to an order to store a person's answers.
struct ConsentStored: OrderBody {
    /// Identifiers of the person for which they are kept.
    let identifiers: Int

    init(identifiers: Int) { self.identifiers = identifiers }

    init(json: JSONValue) throws(Problem) { identifiers = try json.integer("identifiers") }

    func appendMembers(to writer: inout JSONWriter) { writer.member("identifiers", identifiers) }
}

/// The body of an order to forget a person.
struct ForgetOrder: OrderBody {
    /// A user id or an email.
    let id: String

    init(id: String) { self.id = id }

    init(json: JSONValue) throws(Problem) { id = try json.person("id") }

    func appendMembers(to writer: inout JSONWriter) { writer.member("id", id) }
}

extension ForgetReport: OrderBody {
    init(json: JSONValue) throws(Problem) {
        self.init()
        events = try json.integer("events")
        rejected = try json.integer("rejected")
        forwarded = try json.texts("forwarded")
        unforwarded = try json.texts("unforwarded")
        isClean = try json.truth("clean")
    }

    func appendMembers(to writer: inout JSONWriter) {
        writer.member("events", events)
        writer.member("rejected", rejected)
        writer.member("forwarded", forwarded)
        writer.member("unforwarded", unforwarded)
        writer.member("clean", isClean)
    }
}

extension JSONValue {
    /// The user id or email of a member; an empty one names nobody.
    fileprivate func person(_ name: String) throws(Problem) -> String {
        let id = try text(name)
        guard !id.isEmpty else { throw Self.wrong(name, "a user id or an email") }
        return id
    }
}
