import Accept
import Events
import JSON
import SluiceTesting
import Testing

/// The table of ids that the manual shows.
private func table() throws -> [JSONValue] {
    let root = try Fixtures.json(try Fixtures.text("Fixtures/readings/ids.json"))
    return root["ids"]?.elements ?? []
}

private func text(_ value: JSONValue?) -> String {
    value.map { String(decoding: $0.raw, as: UTF8.self) } ?? ""
}

private func accepted(_ event: String, placeholders: PlaceholderIDs = .standard) throws -> Envelope
{
    let acceptor = Acceptor()
    return try acceptor.single(
        try acceptor.read(Array(event.utf8)), type: nil,
        from: EventSource(name: "backend", trusted: true, placeholders: placeholders),
        at: ManualClock().now)
}

@Suite struct `A sender's id` {
    @Test func `is read as the table of ids says, in every field`() throws {
        let entries = try table()
        #expect(entries.count >= 30)
        for entry in entries {
            let given = text(entry["given"])
            let event = try Fixtures.accepted(
                """
                {"type":"alias","traits":{"email":"a@b.co"},"userId":\(given),
                 "anonymousId":\(given),"previousId":\(given),"groupId":\(given)}
                """)
            let ids = [event.userID, event.anonymousID, event.previousID, event.groupID]
            let expected = entry["read"]?.string
            #expect(ids.allSatisfy { $0 == expected }, "\(entry.pretty()): \(ids)")
            let fields = ["userId", "anonymousId", "previousId", "groupId"]
            let mark = entry["mark"]?.string
            let marks = mark.map { mark in
                fields.map { Event.Mark(.placeholderID, value: "\($0):\(mark)") }
            }
            #expect(event.marks == marks ?? [], "\(entry.pretty())")
            #expect(text(event.document.root["userId"]) == given)
        }
    }

    @Test func `that means nobody leaves an event without a person, and the hint says so`() throws {
        for (id, words) in [
            ("guest", "\"userId\" is \"guest\""), ("", "\"userId\" is empty"),
            ("  ", "\"userId\" is empty"),
        ] {
            let envelope = try accepted("{\"type\":\"identify\",\"userId\":\"\(id)\"}")
            let problem = try #require(envelope.rejections.first?.problem)
            #expect(problem.code == "no_user_anon_id" && problem.hint.contains(words))
        }
        let plain = try accepted("{\"type\":\"identify\"}").rejections[0].problem.hint
        #expect(plain == "Send \"userId\", \"anonymousId\" or traits.email with it.")
    }

    @Test func `means nobody by a list of the pipeline's own instead of the usual one`() throws {
        let own = PlaceholderIDs(["Test-User"])
        func isNobody(_ id: String) throws -> Bool {
            try accepted("{\"type\":\"identify\",\"userId\":\"\(id)\"}", placeholders: own)
                .events.isEmpty
        }
        #expect(try isNobody("test-user") && isNobody("") && isNobody(" "))
        #expect(try !isNobody("guest") && !isNobody("test-user1"))
    }

    @Test(arguments: [
        "1e99999999999999999999", "1e-2147483648", "1e2147483647", "-1e-9223372036854775808",
        "0.\(String(repeating: "0", count: 200))1", "1.0e0",
    ])
    func `is read from every number`(number: String) throws {
        let envelope = try accepted("{\"type\":\"identify\",\"userId\":\(number)}")
        #expect(envelope.events[0].event.userID == (number == "1.0e0" ? "1" : number))
    }

    @Test func `is as short as its limit without the blanks around it`() throws {
        let blanks = String(repeating: " ", count: 300)
        #expect(
            try accepted("{\"type\":\"identify\",\"userId\":\"\(blanks)u\(blanks)\"}")
                .events.first?.event.userID == "u")
    }
}

@Suite struct `The Reference's ids` {
    @Test func `are those of the table`() throws {
        let rows = try table().map { entry in
            let mark = entry["mark"] == nil ? "no id" : "no id, marked"
            let read = entry["read"]?.string.map { "`\($0)`" } ?? mark
            return "| `\(text(entry["given"]))`, \(entry["as"]?.string ?? "") | \(read) |"
        }
        #expect(
            try Fixtures.text("Sources/sluice/Documentation.docc/Reference.md")
                .contains("| id | read as |\n|---|---|\n" + rows.joined(separator: "\n")))
    }
}
