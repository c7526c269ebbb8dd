import Console
import Events
import Foundation
import JSON
import Log
import SluiceTesting
import Store
import Testing

@testable import SQLiteStore

/// Random histories of three people on shared devices, and the search for one who was forgotten.
///
/// Every value of a person bears the person's own mark, so that whatever code removed it, a search
/// for the mark over all files and all rows tells whether something is left. `SLUICE_FORGETS` says
/// how many histories; each is made from its number.
@Suite struct `Forgetting in random histories` {
    private static let count =
        Int(ProcessInfo.processInfo.environment["SLUICE_FORGETS"] ?? "") ?? 6

    @Test(arguments: 1...count) func `leaves nothing of the one, and all of the others`(
        seed: Int
    ) async throws {
        try await Running.with { running in
            var life = Life(seed: UInt64(seed))
            for message in life.messages(90) { try await send(message, to: running) }
            _ = try await eventually("everything to be sent") {
                try running.log.destinations()[0].waiting == 0 ? true : nil
            }
            for (index, person) in life.people.enumerated() {
                try #require(try await isInFiles(person.mark, of: running), "\(person.mark)")
                let others = life.people[(index + 1)...]
                let before = try others.map { try kept(of: $0, in: running) }
                let id = life.anyIdentifier(of: person)
                let done = try await Program.run(["forget", id, "--yes", "--data", running.data])
                try #require(done.code == 0, "\(done.output) \(done.errors)")
                let place = "seed \(seed), forgot \(id)"
                #expect(try await !isInFiles(person.mark, of: running), "\(place): a file")
                #expect(try rows(with: person.mark, in: running) == [], "\(place): a row")
                let after = try others.map { try kept(of: $0, in: running) }
                #expect(after == before, "\(place): another person's events")
            }
        }
    }

    private func send(_ message: Life.Message, to running: Running) async throws {
        switch message {
        case .call(let path, let body): _ = try await running.post(path, body)
        case .webhook(let body): _ = try await running.hook(body)
        case .order(let id):
            _ = try await running.operations.suppress(id, because: "")
            _ = try await running.operations.liftSuppression(of: id)
        case .unreadable(let body): _ = try await running.post("/v1/batch", body)
        }
    }

    /// True when a text stands anywhere in the data directory, in whatever case.
    private func isInFiles(_ text: String, of running: Running) async throws -> Bool {
        try await Program.run(["-rqia", text, running.data], program: "/bin/grep").code == 0
    }

    /// The number of a person's events that still have their bodies.
    private func kept(of person: Life.Person, in running: Running) throws -> Int {
        let events = try Set(
            person.users.flatMap { user in
                try running.log.events(of: IdentityKey(.user, user), limit: 1_000)
            })
        return try events.count { try running.log.event($0)?.event.document.root.isEmpty == false }
    }

    /// The columns that hold a text when everything in them is decoded.
    private func rows(with text: String, in running: Running) throws -> Set<String> {
        let connection = try Connection(
            path: running.data + "/sluice.db", mode: .readOnly, busyTimeout: .seconds(5))
        var found: Set<String> = []
        for table in try texts("SELECT name FROM sqlite_schema WHERE type = 'table'", connection) {
            for column in try texts("SELECT name FROM pragma_table_info('\(table)')", connection) {
                let cells = try texts(
                    "SELECT CAST(\"\(column)\" AS TEXT) FROM \"\(table)\"", connection)
                if cells.contains(where: { Self.decoded($0).contains(text) }) {
                    found.insert("\(table).\(column)")
                }
            }
        }
        return found
    }

    private func texts(_ sql: String, _ connection: Connection) throws -> [String] {
        let select = try connection.prepare(sql)
        var found: [String] = []
        while try select.step() { if let text = select.text(0) { found.append(text) } }
        return found
    }

    /// A cell with the strings of its JSON beside it, in lower case, percent signs decoded.
    private static func decoded(_ cell: String) -> String {
        var texts = [cell]
        var open = (try? JSONReader.read(text: cell).root).map { [$0] } ?? []
        while let value = open.popLast() {
            open += value.elements + value.members.flatMap { [$0.key, $0.value] }
            if let text = value.string { texts.append(text) }
        }
        return texts.map { ($0.removingPercentEncoding ?? $0).lowercased() }
            .joined(separator: "\n")
    }
}

/// The deeds of three people on two devices, as calls of a site's backend and its services.
private struct Life {
    enum Message: Sendable {
        case call(String, String)
        case webhook(String)
        /// An operator stops the person and lifts it again.
        case order(String)
        /// A body that is kept as rejected.
        case unreadable(String)
    }

    struct Person: Sendable {
        /// The text that is in every value of the person and nowhere else.
        let mark: String
        var users: [String] { ["\(mark)-u1", "\(mark)-u2"] }
        var emails: [String] { ["\(mark)-e1@example.com", "\(mark)-e2@example.com"] }
    }

    let people: [Person]
    private var random: SeededNumbers
    private var number = 0

    init(seed: UInt64) {
        random = SeededNumbers(seed: seed)
        people = ["ada", "bob", "cyd"].map { Person(mark: "q\(seed)z\($0)") }
    }

    /// Any text by which an operator may know a person.
    mutating func anyIdentifier(of person: Person) -> String {
        (person.users + person.emails).randomElement(using: &random) ?? ""
    }

    mutating func messages(_ count: Int) -> [Message] {
        // Every identifier of a person is tied to the others, so that forgetting reaches it.
        var messages = people.flatMap { person -> [Message] in
            [
                identify(person, user: 0, email: 0),
                .call(
                    "/v1/alias",
                    "{\"userId\":\"\(person.users[1])\","
                        + "\"previousId\":\"\(person.users[0])\",\"messageId\":\"\(person.mark)-a\"}"
                ),
                identify(person, user: 1, email: 1),
            ]
        }
        for _ in 0..<count { messages.append(contentsOf: step()) }
        return messages
    }

    private mutating func step() -> [Message] {
        guard let person = people.randomElement(using: &random) else { return [] }
        let (user, email) = (
            Int.random(in: 0...1, using: &random), Int.random(in: 0...1, using: &random)
        )
        let device = "\"anonymousId\":\"shared-\(Int.random(in: 0...1, using: &random))\","
        number += 1
        let head =
            "\"messageId\":\"\(person.mark)-m\(number)\",\"userId\":\"\(person.users[user])\""
        let escaped = person.mark.replacing("q", with: "\\u0071")
        switch Int.random(in: 0..<10, using: &random) {
        case 0: return [identify(person, user: user, email: email, on: device)]
        case 1, 2:
            return [
                .call(
                    "/v1/track",
                    "{\(device)\(head),\"event\":\"Product Viewed\",\"properties\":{\"product_id\":\"p\","
                        + "\"note\":\"\(escaped)\",\"url\":\"https://x/?u=\(person.mark)\"},\(consent())}"
                )
            ]
        case 3:
            return [
                .call(
                    "/v1/track", "{\(head),\"event\":\"Consent Updated\",\(consent())}")
            ]
        case 4:
            // Rejected: a track without a name.
            return [.call("/v1/track", "{\(head),\"note\":\"\(person.emails[email])\"}")]
        case 5:
            let kind = Bool.random(using: &random) ? "unsubscribed" : "clicked"
            return [
                .webhook(
                    "{\"\(kind)_at\":1435016238,\"type\":\"\(kind)\",\"user\":{\"id\":\"\(person.users[user])\","
                        + "\"email\":\"\(person.emails[email])\"}}")
            ]
        case 8: return [.order(anyIdentifier(of: person))]
        case 6: return [.unreadable("{\"batch\":[{\"userId\":\"\(person.users[user])\",,}]}")]
        case 7:
            // Only what comes right after an identify is surely this person's.
            return [
                identify(person, user: user, email: email, on: device),
                .call(
                    "/v1/page",
                    "{\(device)\"messageId\":\"\(person.mark)-m\(number)-p\",\"type\":\"page\","
                        + "\"properties\":{\"title\":\"\(person.mark)\"}}"),
            ]
        default:
            return [
                .call(
                    "/v1/group",
                    "{\(head),\"groupId\":\"g\",\"traits\":{\"owner\":\"\(person.mark)\"}}")
            ]
        }
    }

    private mutating func consent() -> String {
        "\"context\":{\"consent\":{\"marketing\":\(Int.random(in: 0..<5, using: &random) > 0)}}"
    }

    private mutating func identify(
        _ person: Person, user: Int, email: Int, on device: String = ""
    ) -> Message {
        number += 1
        return .call(
            "/v1/identify",
            "{\(device)\"messageId\":\"\(person.mark)-m\(number)\",\"userId\":\"\(person.users[user])\","
                + "\"traits\":{\"email\":\"\(person.emails[email])\",\"name\":\"\(person.mark)\"},\(consent())}"
        )
    }
}
