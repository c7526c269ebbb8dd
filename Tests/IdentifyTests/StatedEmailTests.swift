import Events
import Identify
import JSON
import Pipeline
import SluiceTesting
import Testing

/// The table of emails that the manual shows.
private func table() throws -> [JSONValue] {
    let root = try Fixtures.json(try Fixtures.text("Fixtures/readings/emails.json"))
    return root["emails"]?.elements ?? []
}

private func text(_ value: JSONValue) -> String {
    String(decoding: value.raw, as: UTF8.self)
}

/// The traits of an entry: with its email, or without one.
private func traits(_ entry: JSONValue) -> String {
    entry["given"].map { "{\"email\":\(text($0))}" } ?? "{}"
}

/// The judgement that an entry of the table expects.
private func expected(_ entry: JSONValue) throws -> StatedEmail {
    let state = try #require(entry["state"]?.string)
    switch state {
    case "usable": return .usable(try #require(entry["read"]?.string))
    case "empty": return .empty
    case "hashed": return .hashed
    case "invalid": return .invalid
    case "none": return .none
    default: throw TestFailure("no state is called \(state)")
    }
}

@Suite struct `An event's email` {
    @Test func `is read as the table of emails says, in traits and in the context`() throws {
        let entries = try table()
        #expect(entries.count >= 40)
        for entry in entries {
            let expected = try expected(entry)
            let stated = "\"traits\":\(traits(entry))"
            for place in [stated, "\"context\":{\(stated)}"] {
                let event = try Fixtures.accepted(
                    "{\"type\":\"identify\",\"userId\":\"u\",\(place)}")
                #expect(StatedEmail(in: event) == expected, "\(entry.pretty()) in \(place)")
            }
        }
    }

    @Test func `that is stated but cannot be used never makes the stored one be sent`() throws {
        for entry in try table() where entry["state"]?.string != "usable" {
            var people = MemoryPeople()
            let stored = try Fixtures.accepted(
                """
                {"type":"identify","userId":"u","traits":{"email":"stored@example.com"}}
                """)
            _ = try Identifier.resolve(stored, StatedEmail(in: stored), in: &people)
            let event = try Fixtures.accepted(
                "{\"type\":\"track\",\"event\":\"E\",\"userId\":\"u\",\"context\":{\"traits\":\(traits(entry))}}"
            )
            let identity = try Identifier.resolve(event, StatedEmail(in: event), in: &people)
                .identity
            let isStated = entry["state"]?.string != "none"
            #expect(
                identity.email == (isStated ? nil : "stored@example.com"), "\(entry.pretty())")
        }
    }
}

@Suite struct `The Reference's emails` {
    @Test func `are those of the table`() throws {
        let rows = try table().map { entry in
            let given = entry["given"].map { "`\(text($0))`, " } ?? ""
            let read = entry["read"]?.string.map { "`\($0)`" } ?? entry["state"]?.string
            return "| \(given)\(entry["as"]?.string ?? "") | \(read ?? "") |"
        }
        #expect(
            try Fixtures.text("Sources/sluice/Documentation.docc/Reference.md")
                .contains("| email | read as |\n|---|---|\n" + rows.joined(separator: "\n")))
    }
}
