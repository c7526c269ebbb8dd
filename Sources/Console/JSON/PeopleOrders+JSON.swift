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

extension PersonChange: OrderBody {
    init(json: JSONValue) throws(Problem) {
        self.init(
            identifiers: try json.integer("identifiers"), isKnown: try json.truth("known"))
    }

    func appendMembers(to writer: inout JSONWriter) {
        writer.member("identifiers", identifiers)
        writer.member("known", isKnown)
    }
}

/// The body of an order to stop every destination for a person.
struct SuppressOrder: OrderBody {
    /// A user id or an email.
    let id: String
    /// The reason, in the operator's words.
    let reason: String

    init(id: String, reason: String) {
        self.id = id
        self.reason = reason
    }

    init(json: JSONValue) throws(Problem) {
        id = try json.person("id")
        reason = try json.text("reason")
    }

    func appendMembers(to writer: inout JSONWriter) {
        writer.member("id", id)
        writer.member("reason", reason)
    }
}

/// The body of an order that names a person and nothing else.
struct PersonOrder: OrderBody {
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
        identifiers = try json.integer("identifiers")
        postponed = try json.integer("postponed")
        unforwarded = try json.texts("unforwarded")
        answers = try json.texts("answers")
        isKnown = try json.truth("known")
        isClean = try json.truth("clean")
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
