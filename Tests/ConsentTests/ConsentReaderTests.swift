import Consent
import JSON
import SluiceTesting
import Testing

/// The table of consent spellings that the manual shows.
private struct ConsentTable {
    let reader: ConsentReader
    let entries: [JSONValue]

    init() throws {
        let root = try Fixtures.json(try Fixtures.text("Fixtures/readings/consent.json"))
        var codes: [String: String] = [:]
        for member in try #require(root["codes"]).members {
            codes[member.key.string ?? ""] = member.value.string
        }
        reader = ConsentReader(codes: codes)
        entries = root["consent"]?.elements ?? []
    }

    /// The consent of a track event with this context.
    func reading(of context: JSONValue) throws -> ConsentReading {
        reader.reading(
            of: try Fixtures.accepted(
                """
                {"type":"track","event":"E","userId":"u","context":\(text(context))}
                """))
    }
}

private func text(_ value: JSONValue) -> String {
    String(decoding: value.raw, as: UTF8.self)
}

/// The answers of an entry in words, as the manual shows them.
private func words(_ entry: JSONValue) throws -> String {
    if entry["unreadable"]?.bool == true { return "unreadable" }
    let answers = try #require(entry["read"]).members.map { member in
        "\(member.key.string ?? "") \(member.value.bool == true ? "yes" : "no")"
    }
    return answers.isEmpty ? "no answer" : answers.joined(separator: ", ")
}

/// The answers of a reading in the same words.
private func words(_ reading: ConsentReading) -> String {
    if reading.unreadable != nil { return "unreadable" }
    let answers = reading.answers.map { "\($0.category) \($0.granted ? "yes" : "no")" }
    return answers.isEmpty ? "no answer" : answers.sorted().joined(separator: ", ")
}

@Suite struct `A sender's consent` {
    @Test func `is read as the table of consent says`() throws {
        let table = try ConsentTable()
        #expect(table.entries.count >= 60)
        for entry in table.entries {
            let reading = try table.reading(of: try #require(entry["given"]))
            let expected = try words(entry)
            #expect(words(reading) == expected, "\(entry.pretty()): \(reading)")
        }
    }

    @Test func `that cannot be read is described by its place, and grants nothing`() throws {
        let table = try ConsentTable()
        let unreadable = table.entries.filter { $0["unreadable"]?.bool == true }
        #expect(unreadable.count >= 15)
        for entry in unreadable {
            let reading = try table.reading(of: try #require(entry["given"]))
            #expect(reading.unreadable?.hasPrefix("context.consent") == true, "\(entry.pretty())")
            let granted = reading.answers.filter(\.granted)
            #expect(granted.isEmpty, "\(entry.pretty())")
        }
    }
}

@Suite struct `The Reference's consent` {
    @Test func `is that of the table`() throws {
        let rows = try ConsentTable().entries.map { entry in
            let given = text(try #require(entry["given"]))
            let read = try words(entry)
            return "| `\(given)`, \(entry["as"]?.string ?? "") | \(read) |"
        }
        #expect(
            try Fixtures.text("Sources/sluice/Documentation.docc/Reference.md").contains(
                "| consent in `context` | read as |\n|---|---|\n" + rows.joined(separator: "\n")))
    }
}
