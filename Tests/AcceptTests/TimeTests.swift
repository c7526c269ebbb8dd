import Accept
import Events
import JSON
import SluiceTesting
import Testing

/// The table of times that the manual shows.
private struct TimeTable {
    let receivedAt: Timestamp
    let values: [JSONValue]
    let events: [JSONValue]

    init() throws {
        let root = try Fixtures.json(try Fixtures.text("Fixtures/readings/times.json"))
        receivedAt = try #require(root["received_at"].flatMap { Timestamp(reading: $0) })
        values = root["values"]?.elements ?? []
        events = root["events"]?.elements ?? []
    }

    /// A track event with these members, as it is accepted.
    func accepted(_ members: String) throws -> Event {
        try Fixtures.accepted(
            "{\"type\":\"track\",\"event\":\"E\",\"userId\":\"u\"\(members)}", at: receivedAt)
    }
}

@Suite struct `A sender's time` {
    @Test func `is read as the table of times says`() throws {
        let table = try TimeTable()
        #expect(table.values.count >= 40)
        for entry in table.values {
            let given = try #require(entry["given"])
            let event = try table.accepted(
                ",\"timestamp\":\(String(decoding: given.raw, as: UTF8.self))")
            let expected = entry["read"]?.string
            #expect(
                event.timestamp.iso8601 == expected ?? table.receivedAt.iso8601, "\(entry.pretty())"
            )
            let marks = entry["mark"]?.string.map { [$0] } ?? []
            #expect(event.marks.map(\.text) == marks, "\(entry.pretty())")
            #expect((expected == nil) == !marks.isEmpty)
        }
    }

    @Test func `is chosen and corrected as the table of times says`() throws {
        let table = try TimeTable()
        #expect(table.events.count >= 10)
        for entry in table.events {
            let given = try #require(entry["given"])
            let members = given.members.map { member in
                ",\(String(decoding: member.key.raw, as: UTF8.self)):"
                    + String(decoding: member.value.raw, as: UTF8.self)
            }
            let event = try table.accepted(members.joined())
            #expect(event.timestamp.iso8601 == entry["timestamp"]?.string, "\(entry.pretty())")
            #expect(
                event.marks.map(\.text) == entry["marks"]?.elements.compactMap(\.string),
                "\(entry.pretty())")
        }
    }

    @Test func `is read whatever stands in its text`() throws {
        let pieces = [
            "2026", "-", "11", ":", "Sat", " ", "+", "Z", "e", ".", "1795856400", "(", ",",
        ]
        var seed: UInt64 = 7
        for _ in 0..<20_000 {
            var text = ""
            for _ in 0..<6 {
                seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                text += pieces[Int(seed >> 33) % pieces.count]
            }
            _ = Timestamp(reading: text)
        }
    }
}

@Suite struct `The Reference` {
    @Test func `shows the table of times`() throws {
        let table = try TimeTable()
        let values = table.values.map { entry in
            let read = entry["read"]?.string.map { [code($0)] }
            return row(entry, read ?? ["no: " + code(entry["mark"]?.string ?? "")])
        }
        let events = table.events.map { entry in
            let marks = entry["marks"]?.elements.compactMap(\.string).map { code($0) } ?? []
            return row(
                entry, [code(entry["timestamp"]?.string ?? ""), marks.joined(separator: ", ")])
        }
        let text = try Fixtures.text("Sources/sluice/Documentation.docc/Reference.md")
        #expect(
            text.contains("| written as | read as |\n|---|---|\n" + values.joined(separator: "\n")))
        #expect(
            text.contains("| its time | marks |\n|---|---|---|\n" + events.joined(separator: "\n")))
    }

    private func row(_ entry: JSONValue, _ cells: [String]) -> String {
        let given = entry["given"].map { code(String(decoding: $0.raw, as: UTF8.self)) } ?? ""
        let first = "\(given), \(entry["as"]?.string ?? "")"
        return "| " + ([first] + cells).joined(separator: " | ") + " |"
    }

    private func code(_ text: String) -> String { "`\(text)`" }
}
