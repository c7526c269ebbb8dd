@testable import Accept
import Events
import JSON
import SluiceTesting
import Testing

private let now = ManualClock().now

/// The event of a text as a source with these rules would accept it.
private func accepted(_ text: String, by rules: NeverStore = .standard) throws -> Envelope {
    let acceptor = Acceptor()
    return try acceptor.single(
        try acceptor.read(Array(text.utf8)), type: nil,
        from: EventSource(name: "s", trusted: true, neverStore: rules), at: now)
}

private func rules(
    _ paths: [String], query: [String] = [], masks: Bool = false, hasDefaults: Bool = true
) throws -> NeverStore {
    NeverStore(
        paths: try paths.map { try NeverStorePath($0, in: .event) }, query: query, masks: masks,
        hasDefaults: hasDefaults)
}

private func removed(_ path: String) -> Event.Mark { Event.Mark(.removed, value: path) }

private func readings(_ list: String) throws -> [JSONValue] {
    let table = try Fixtures.json(try Fixtures.text("Fixtures/readings/never-store.json"))
    return table[list]?.elements ?? []
}

private func text(_ value: JSONValue?) -> String {
    String(decoding: value?.raw ?? [], as: UTF8.self)
}

@Suite struct `Values that are never stored` {
    @Test func `are removed by name and form, as the table of readings says`() throws {
        let rows = try readings("values")
        #expect(rows.count >= 40)
        for row in rows {
            let (key, value) = (text(row["key"]), text(row["value"]))
            let event = try #require(
                try accepted(
                    "{\"type\":\"track\",\"event\":\"E\",\"userId\":\"u\",\"properties\":{\(key):\(value),\"n\":1.10}}"
                ).events.first?.event)
            let left = text(event.properties)
            if row["removed"]?.bool == true {
                let isList = row["value"]?.kind == .array
                #expect(left == (isList ? "{\(key):[],\"n\":1.10}" : "{\"n\":1.10}"), "\(key)")
                let path = "properties." + (row["key"]?.string ?? "") + (isList ? "[]" : "")
                #expect(event.marks == [removed(path)], "\(key)")
            } else {
                #expect(left == "{\(key):\(value),\"n\":1.10}", "\(key): \(value)")
                #expect(event.marks.isEmpty, "\(key)")
            }
        }
    }

    @Test func `are masked in addresses, and the rest of each is kept`() throws {
        for row in try readings("addresses") {
            let event = try #require(
                try accepted(
                    "{\"type\":\"page\",\"userId\":\"u\",\"context\":{\"page\":{\"url\":\(text(row["given"]))}}}"
                ).events.first?.event)
            #expect(event.context?["page"]?["url"]?.string == row["kept"]?.string)
            let isSame = row["given"]?.string == row["kept"]?.string
            #expect(event.marks.isEmpty == isSame, "\(text(row["given"]))")
            for mark in event.marks {
                #expect(mark.text.hasPrefix("removed=context.page.url?"), "\(mark)")
            }
        }
    }

    @Test func `are masked behind their names in what cannot be read`() throws {
        for row in try readings("texts") {
            let given = row["given"]?.string ?? ""
            let kept = NeverStore.standard.cleaned(body: Array(given.utf8)).bytes
            #expect(String(decoding: kept, as: UTF8.self) == row["kept"]?.string)
        }
        let wide = Array("{\"password\":\"hunter2\"".utf8).flatMap { [$0, 0] as [UInt8] }
        let kept = NeverStore.standard.cleaned(body: wide).bytes
        #expect(String(decoding: kept, as: UTF8.self) == "{\"password\":\"***\"")
        let zipped = NeverStore.standard.cleaned(body: [0x1F, 0x8B, 8, 0, 1, 2]).bytes
        #expect(String(decoding: zipped, as: UTF8.self).contains("6 bytes"))
    }

    @Test func `cost nothing of an event that holds none: it stays byte for byte`() throws {
        let text =
            "{ \"type\":\"track\", \"event\":\"E\",\"userId\":\"u\",\"properties\":{\"tokens\":1.10, \"url\":\"https:\\/\\/x\\/?a=1\"}}"
        let event = try #require(try accepted(text).events.first?.event)
        #expect(String(decoding: event.document.bytes, as: UTF8.self) == text)
    }

    @Test func `are found behind escapes, and in JSON inside a text`() throws {
        let event = try #require(
            try accepted(
                """
                {"type":"track","event":"E","userId":"u","properties":{"pass\\u0077ord":"hunter2",
                 "payload":"{\\"password\\":\\"hunter2\\",\\"n\\":1.10}",
                 "a":"?a=1\\u0026token=abc","b":"?token\\u003dabc"}}
                """
            ).events.first?.event)
        let kept = String(decoding: event.document.bytes, as: UTF8.self)
        #expect(!kept.contains("hunter2") && !kept.contains("abc"))
        #expect(event.properties?["payload"]?.string == "{\"n\":1.10}")
        #expect(
            event.marks == [
                removed("properties.password"), removed("properties.payload.password"),
                removed("properties.a?token"), removed("properties.b?token"),
            ])
    }

    @Test func `are removed at the paths of a setting, and nothing beside them`() throws {
        let event = try #require(
            try accepted(
                """
                {"type":"identify","userId":"u","traits":{"ssn":"1-2","cards":[{"number":7,"kind":"x"},
                 {"number":null},5]},"context":{"a":{"pin":1},"b":{"pin":2,"c":3},"traits":{"ssn":"3"}}}
                """,
                by: try rules(["traits.ssn", "context.*.pin", "traits.cards[].number"])
            ).events.first?.event)
        #expect(text(event.traits) == "{\"cards\":[{\"kind\":\"x\"},{\"number\":null},5]}")
        #expect(text(event.context) == "{\"a\":{},\"b\":{\"c\":3},\"traits\":{}}")
        #expect(
            event.marks == [
                removed("traits.ssn"), removed("context.traits.ssn"),
                removed("context.a.pin"), removed("context.b.pin"),
                removed("traits.cards[].number"),
            ])
    }

    @Test func `are unknown to identity: an event whose email is removed has none`() throws {
        let given = "{\"type\":\"identify\",\"traits\":{\"email\":\"a@b.co\"}}"
        let envelope = try accepted(given, by: try rules(["traits.email"]))
        #expect(envelope.rejections.first?.problem.code == "no_user_anon_id")
        let kept = String(decoding: envelope.rejections[0].body, as: UTF8.self)
        #expect(!kept.contains("a@b.co"))
    }

    @Test func `are masked instead when the setting says so, and stay masked`() throws {
        let given =
            "{\"type\":\"identify\",\"userId\":\"u\",\"traits\":{\"ssn\":\"1\",\"password\":\"p\"}}"
        let masking = try rules(["traits.ssn"], masks: true)
        let event = try #require(try accepted(given, by: masking).events.first?.event)
        #expect(text(event.traits) == "{\"ssn\":\"***\",\"password\":\"***\"}")
        let again = String(decoding: event.document.bytes, as: UTF8.self)
        #expect(try accepted(again, by: masking).events.first?.event.marks == [])
    }

    @Test func `follow a setting that switches the built-in rules off or names parameters`() throws
    {
        let given =
            "{\"type\":\"page\",\"userId\":\"u\",\"properties\":{\"password\":\"p\",\"url\":\"?token=a&sid=b\"}}"
        let own = try rules([], query: ["SID"], hasDefaults: false)
        let event = try #require(try accepted(given, by: own).events.first?.event)
        #expect(text(event.properties) == "{\"password\":\"p\",\"url\":\"?token=a&sid=***\"}")
        let none = try rules([], hasDefaults: false)
        let same = try #require(try accepted(given, by: none).events.first?.event)
        #expect(String(decoding: same.document.bytes, as: UTF8.self) == given)
    }

    @Test func `leave the ids of an event alone, whatever they look like`() throws {
        let given =
            "{\"type\":\"track\",\"event\":\"E\",\"userId\":\"a?token=b\",\"messageId\":\"?token=c\"}"
        let event = try #require(try accepted(given).events.first?.event)
        #expect(event.userID == "a?token=b" && event.messageID == "?token=c")
    }

    @Test func `are removed from what a batch gives for all, and from what it rejects`() throws {
        let acceptor = Acceptor()
        let deep =
            "{\"a\":" + String(repeating: "[", count: 70) + "{\"password\":\"hunter2\"}"
            + String(repeating: "]", count: 70) + "}"
        let given = """
            {"context":{"password":"hunter2","ip":"1.2.3.4"},"batch":[
             {"type":"track","event":"A","userId":"u"},{"type":"track","token":"0123456789abcdef"},
             {"password":"hunter2","password":"hunter3"},["x"],{"api_key":"0123456789abcdef"},
             \(deep)]}
            """
        let envelope = try acceptor.batch(
            try acceptor.read(Array(given.utf8)), from: EventSource(name: "s", trusted: true),
            at: now)
        #expect(envelope.events.count == 1 && envelope.rejections.count == 5)
        #expect(envelope.events[0].event.marks == [removed("context.password")])
        let kept = envelope.events.map(\.event.document.bytes) + envelope.rejections.map(\.body)
        for body in kept {
            let body = String(decoding: body, as: UTF8.self)
            #expect(!body.contains("hunter") && !body.contains("0123456789abcdef"), "\(body)")
        }
    }

    @Test func `are removed from whole bodies that are kept`() throws {
        let own = try rules(["traits.ssn"], query: ["sid"])
        for body in [
            "{\"batch\":[{\"traits\":{\"ssn\":\"hush\"}},7],\"writeKey\":\"hush\"}",
            "[{\"traits\":{\"ssn\":\"hush\"}},{\"password\":\"hush\"}]",
            "{\"traits\":{\"ssn\":\"hush\"},\"traits\":{\"ssn\":\"hush\"}}",
            "{\"traits\":{\"ssn\":\"hush\"", "\"https://x/?sid=hush\"", "{\"write_key\":\"hush",
            String(repeating: "[", count: 70) + "{\"password\":\"hush\",\"ssn\":\"hush\"}"
                + String(repeating: "]", count: 70),
        ] {
            let kept = String(decoding: own.cleaned(body: Array(body.utf8)).bytes, as: UTF8.self)
            #expect(!kept.contains("hush"), "\(kept)")
        }
        let harmless = "{ \"a\": 1.10 }"
        #expect(own.cleaned(body: Array(harmless.utf8)).bytes == Array(harmless.utf8))
    }

    @Test(arguments: [
        ("user_id", "whom it is about"), ("messageId", "whom it is about"),
        ("type", "what the event is"),
        ("event", "what the event is"), ("propertes.a", "no place"), ("timestamp", "no place"),
        ("*", "no place"), ("traits..a", "no path"), ("traits.a[0]", "no path"), ("", "no path"),
    ])
    func `cannot be what an event needs, nor at a path that is none`(path: String, why: String) {
        let fault = #expect(throws: NeverStorePath.Fault.self) {
            try NeverStorePath(path, in: .event)
        }
        #expect(fault?.message.contains(why) == true)
        #expect(fault?.fix.isEmpty == false)
    }

    @Test func `have paths that the schema and the program agree about`() throws {
        let schema = try Fixtures.json(try Fixtures.text("Blueprints/pipeline.schema.json"))
        let paths = [
            "properties", "traits.ssn", "context.*.pin", "traits.cards[].number", "traits.a[][]",
            "*.pin", "*[].pin", "*", "body.a", "body.a[].b", "body", "body[].a", "user_id",
            "traits.", ".traits", "traits..a", "traits.[]", "traits.a[0]", "other.a",
            "properties[]",
            "body.*.a b", "",
        ]
        for (shape, vocabulary) in [
            ("neverStoreOfEvents", NeverStorePath.Vocabulary.event),
            ("neverStoreOfWebhooks", .webhook),
        ] {
            let pattern = schema.document.value(
                at: ["$defs", JSONKey(shape), "properties", "paths", "items", "pattern"])
            let regex = try Regex(try #require(pattern?.string))
            for path in paths {
                let isPath = (try? NeverStorePath(path, in: vocabulary)) != nil
                let matches = try regex.firstMatch(in: path) != nil
                #expect(isPath == matches, "\(shape): \(path)")
            }
        }
    }

    @Test func `are known by names that the reference lists, and by no others`() throws {
        let reference = try Fixtures.text("Sources/sluice/Documentation.docc/Reference.md")
        let section = try #require(
            reference.firstMatch(of: /## Names of secrets\n(?:.|\n)*?\| keys (?:.|\n)*?\n\n/)?.0)
        let rows = section.split(separator: "\n").filter { $0.hasPrefix("| `") }
        let listed = rows.flatMap { row in
            row.split(separator: "|")[0].matches(of: /`([a-z0-9_]+)`/).map { String($0.1) }
        }
        let known = SecretKind.named.map { $0.name.replacing(" ", with: "_") }
        #expect(listed == known)
    }
}
