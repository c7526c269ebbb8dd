import Events
import JSON
import Map
import SluiceTesting
import Testing

/// A blueprint whose one event, `E`, has these mappings.
private func blueprintText(_ mappings: String, extra: String = "") -> String {
    """
    {"blueprint":"test","version":1,\(extra)
     "parameters":{"token":{"secret":true},"url":{"default":"https://example.com"},"name":{}},
     "requests":{"track":{"url":"{url}/track","mappings":{}}},
     "presets":{"default":{"events":{"E":{"aliases":["e_old"],"request":"track",
     "mappings":\(mappings)}}}}}
    """
}

private func blueprint(_ mappings: String, extra: String = "") throws -> Blueprint {
    try Blueprint.read(
        file: "test.json", bytes: Array(blueprintText(mappings, extra: extra).utf8))
}

private let properties = """
    {"id":"SKU","price":1.10,"big":123456789012345678901234567890,"none":null,"yes":true,
     "list":[{"name":"a","n":1},{"name":"b"}],"date":"2026-06-06T12:15:30+02:00","text":" A "}
    """

private func map(_ mappings: String, extra: String = "") throws -> MappedRequest {
    let preset = try #require(try blueprint(mappings, extra: extra).presets["default"])
    let event = try Fixtures.accepted(
        "{\"type\":\"track\",\"event\":\"E\",\"userId\":\"1\",\"properties\":\(properties)}")
    let identity = Identity(
        userID: "1", email: "a@b.co", anonymousID: nil, emailState: .fine, lane: LaneKey(number: 1))
    let plan = try #require(preset.plan(for: event))
    return try plan.steps[0].build(
        MapInput(
            event: event, identity: identity,
            parameters: ParameterValues(plain: ["url": "https://example.com"], secret: ["token"]),
            vendorName: plan.vendorName(of: event)))
}

/// The body that mappings make of an event of another type, given without its type and user.
private func body(_ mappings: String, of type: String, _ fields: String) throws -> String {
    let text = blueprintText(mappings).replacing("\"E\":{", with: "\"\(type)\":{")
    let preset = try #require(
        try Blueprint.read(file: "test.json", bytes: Array(text.utf8)).presets["default"])
    let event = try Fixtures.accepted("{\"type\":\"\(type)\",\"userId\":\"1\",\(fields)}")
    let plan = try #require(preset.plan(for: event))
    let input = MapInput(
        event: event, identity: .nobody,
        parameters: ParameterValues(plain: ["url": "https://example.com"], secret: ["token"]))
    return try plan.steps[0].build(input).body.text
}

private func body(_ mappings: String) throws -> String { try map(mappings).body.text }

@Suite struct `A mapping of traits` {
    private let fields = """
        "traits":{"plan":"pro","none":null,"address":{"city":"Bonn","zip":null}},
        "context":{"traits":{"plan":"free","none":1,"age":7,"address":{"zip":"53111","at":2}}}
        """

    @Test(arguments: [
        (
            "{\"a\":\"traits.plan\",\"b\":\"traits.age\",\"c\":\"traits.none\"}",
            "{\"a\":\"pro\",\"b\":7,\"c\":1}"
        ),
        (
            "{\"t\":\"traits\"}",
            "{\"t\":{\"plan\":\"pro\",\"none\":1,\"address\":{\"city\":\"Bonn\",\"zip\":\"53111\",\"at\":2},\"age\":7}}"
        ),
        (
            "{\"t\":{\"object\":\"traits\",\"exclude\":[\"address\"]}}",
            "{\"t\":{\"plan\":\"pro\",\"none\":1,\"age\":7}}"
        ),
        (
            "{\"t\":{\"object\":\"traits.address\"}}",
            "{\"t\":{\"city\":\"Bonn\",\"zip\":\"53111\",\"at\":2}}"
        ),
    ])
    func `finds those of both places`(mappings: String, expected: String) throws {
        #expect(try body(mappings, of: "identify", fields) == expected)
    }

    @Test(arguments: ["\"traits\":[],", "\"traits\":{},", "\"traits\":null,", ""])
    func `finds those of the context when the event's own are empty`(own: String) throws {
        let fields = own + "\"context\":{\"traits\":{\"plan\":\"free\"}}"
        #expect(
            try body("{\"t\":{\"object\":\"traits\"}}", of: "identify", fields)
                == "{\"t\":{\"plan\":\"free\"}}")
    }

    @Test func `mixes no group's with a person's`() throws {
        let fields = """
            "groupId":"g","traits":{"name":"Shop"},"context":{"traits":{"email":"a@b.co"}}
            """
        #expect(
            try body("{\"t\":\"traits\"}", of: "group", fields) == "{\"t\":{\"name\":\"Shop\"}}")
    }

    @Test func `stands beside the category and the name`() throws {
        #expect(
            try body(
                "{\"c\":\"category\",\"n\":\"name\"}", of: "page",
                "\"category\":\"Docs\",\"properties\":{\"name\":\"Home\"}")
                == "{\"c\":\"Docs\",\"n\":\"Home\"}")
        #expect(try body("{\"c\":\"category\"}", of: "page", "\"name\":\"x\"") == "{}")
    }
}

@Suite struct `A mapping` {
    @Test(arguments: [
        ("{\"data.id\":\"properties.id\"}", "{\"data\":{\"id\":\"SKU\"}}"),
        (
            "{\"p\":\"properties.price\",\"b\":\"properties.big\"}",
            "{\"p\":1.10,\"b\":123456789012345678901234567890}"
        ),
        ("{\"a\":[\"properties.missing\",\"properties.id\"]}", "{\"a\":\"SKU\"}"),
        ("{\"a\":[\"properties.none\",\"properties.id\"]}", "{\"a\":\"SKU\"}"),
        ("{\"a\":\"properties.none\"}", "{\"a\":null}"),
        ("{\"a\":[{\"source\":\"properties.none\"},{\"value\":7}]}", "{\"a\":7}"),
        (
            "{\"a\":[{\"source\":\"properties.id\",\"when\":{\"source\":\"properties.missing\"}},{\"source\":\"properties.price\",\"when\":{\"source\":\"properties.id\",\"is\":\"SKU\"}}]}",
            "{\"a\":1.10}"
        ),
        (
            "{\"d\":{\"object\":\"properties\",\"include\":[\"id\"]},\"d.id\":{\"source\":\"properties.missing\"}}",
            "{\"d\":{\"id\":\"SKU\"}}"
        ),
        (
            "{\"c[].t\":{\"value\":\"p\",\"when\":{\"source\":\"properties.id\"}},\"c[].a\":\"properties.id\"}",
            "{\"c\":[{\"t\":\"p\",\"a\":\"SKU\"}]}"
        ),
        (
            "{\"c[].t\":{\"value\":\"p\",\"when\":{\"source\":\"properties.missing\"}},\"x\":\"properties.id\"}",
            "{\"x\":\"SKU\"}"
        ),
        ("{\"a\":{\"source\":\"properties.none\",\"omit_null\":true}}", "{}"),
        ("{\"a.b.c\":\"properties.missing\"}", "{}"),
        ("{\"a\":{\"value\":{\"x\":[1.0]}}}", "{\"a\":{\"x\":[1.0]}}"),
        ("{\"a\":{\"source\":\"properties.missing\",\"default\":7}}", "{\"a\":7}"),
        ("{\"a\":{\"source\":\"properties.yes\",\"transform\":\"string\"}}", "{\"a\":\"true\"}"),
        (
            "{\"a\":{\"source\":\"properties.text\",\"transform\":[\"trim\",\"lowercase\"]}}",
            "{\"a\":\"a\"}"
        ),
        ("{\"a\":{\"source\":\"properties.price\",\"transform\":\"integer\"}}", "{\"a\":1}"),
        (
            "{\"a\":{\"source\":\"properties.id\",\"transform\":\"number\",\"default\":0}}",
            "{\"a\":0}"
        ),
        (
            "{\"a\":{\"source\":\"properties.price\",\"transform\":[\"integer\",\"string\"]}}",
            "{\"a\":\"1\"}"
        ),
        ("{\"a\":{\"source\":\"properties.id\",\"value_map\":{\"SKU\":1,\"*\":2}}}", "{\"a\":1}"),
        ("{\"a\":{\"source\":\"properties.text\",\"value_map\":{\"SKU\":1,\"*\":2}}}", "{\"a\":2}"),
        (
            "{\"a\":{\"source\":\"properties.date\",\"transform\":\"date\",\"format\":\"yyyy-MM-dd'T'HH:mm:ssZ\"}}",
            "{\"a\":\"2026-06-06T10:15:30+0000\"}"
        ),
        (
            "{\"a\":{\"source\":\"properties.date\",\"transform\":\"epoch_seconds\"}}",
            "{\"a\":1780740930}"
        ),
        (
            "{\"a\":{\"object\":\"properties\",\"include\":[\"id\",\"price\"]}}",
            "{\"a\":{\"id\":\"SKU\",\"price\":1.10}}"
        ),
        (
            "{\"a\":{\"object\":\"properties\",\"include\":[\"id\",\"none\"],\"omit_null\":true},\"a.n\":{\"value\":1}}",
            "{\"a\":{\"id\":\"SKU\",\"n\":1}}"
        ),
        (
            "{\"items[].title\":\"properties.list[].name\",\"items[].n\":\"properties.list[].n\"}",
            "{\"items\":[{\"title\":\"a\",\"n\":1},{\"title\":\"b\"}]}"
        ),
        (
            "{\"items[].title\":\"properties.list[].name\",\"items[].sku\":\"properties.id\"}",
            "{\"items\":[{\"title\":\"a\",\"sku\":\"SKU\"},{\"title\":\"b\",\"sku\":\"SKU\"}]}"
        ),
        ("{\"items[].title\":\"properties.missing[].name\"}", "{}"),
        (
            "{\"n\":\"vendor_event_name\",\"u\":\"identity.user_id\",\"t\":\"type\"}",
            "{\"n\":\"E\",\"u\":\"1\",\"t\":\"track\"}"
        ),
    ])
    func `makes`(mappings: String, expected: String) throws {
        #expect(try body(mappings) == expected)
    }

    @Test func `fails by name when a value cannot be transformed`() {
        let fault = #expect(throws: MappingFault.self) {
            try map("{\"data.n\":{\"source\":\"properties.id\",\"transform\":\"number\"}}")
        }
        #expect(fault?.reason == .mapping && fault?.detail == "data.n: \"SKU\" is no number.")
    }

    @Test func `fails when the value is longer than the destination takes`() {
        let fault = #expect(throws: MappingFault.self) {
            try map("{\"id\":\"properties.id\"}", extra: "\"limits\":{\"id\":{\"max_length\":2}},")
        }
        #expect(fault?.reason == .overLimit)
    }

    @Test func `keeps its limit inside a list of alternatives`() {
        let fault = #expect(throws: MappingFault.self) {
            try map(
                "{\"id\":[{\"source\":\"properties.id\"},{\"value\":1}]}",
                extra: "\"limits\":{\"id\":{\"max_length\":2}},")
        }
        #expect(fault?.reason == .overLimit)
    }

    @Test func `puts secrets in only when the request is sent`() throws {
        let request = try map(
            "{\"t\":{\"parameter\":\"token\"},\"n\":{\"parameter\":\"name\"},\"x\":\"properties.id\"}"
        )
        #expect(request.body.text == "{\"t\":\"***\",\"x\":\"SKU\"}")
        let sent = String(
            decoding: request.body.revealed { _ in Array("s3cret".utf8) }, as: UTF8.self)
        #expect(sent == "{\"t\":\"s3cret\",\"x\":\"SKU\"}")
    }

    @Test func `gives the same bytes every time`() throws {
        let all = "{\"a\":{\"object\":\"properties\"},\"t\":\"timestamp\",\"m\":\"message_id\"}"
        #expect(try body(all) == body(all))
    }
}

@Suite struct `The events of a preset` {
    @Test(arguments: ["E", "e_old", "E OLD", "eold", "e"])
    func `are found by name, alias and folded name`(name: String) throws {
        let preset = try #require(try blueprint("{}").presets["default"])
        #expect(preset.plan(for: try Fixtures.track(name, user: "1"))?.name == "E")
    }

    @Test(arguments: ["page", "Identify", "alias"])
    func `are not found by the name of a type`(name: String) throws {
        let preset = try #require(try Fixtures.vero().presets["default"])
        #expect(preset.plan(for: try Fixtures.track(name, user: "1")) == nil)
    }

    @Test func `that are not listed are dropped, or passed when the preset says so`() throws {
        #expect(
            try #require(try blueprint("{}").presets["default"]).plan(
                for: try Fixtures.track("X", user: "1")) == nil)
        let passing = """
            {"blueprint":"t","version":1,"requests":{"r":{"url":"https://x","mappings":{"n":"event"}}},
             "presets":{"default":{"defaults":{"action":"pass","request":"r"},"events":{}}}}
            """
        let preset = try Blueprint.read(file: "t", bytes: Array(passing.utf8)).presets["default"]
        #expect(preset?.plan(for: try Fixtures.track("X", user: "1"))?.name == "defaults")
        let strict = passing.replacing(
            "\"events\":{}}}",
            with:
                "\"events\":{}},\"strict\":{\"extends\":\"default\",\"defaults\":{\"action\":\"drop\"},\"events\":{}}}"
        )
        let closed = try Blueprint.read(file: "t", bytes: Array(strict.utf8)).presets["strict"]
        #expect(closed?.plan(for: try Fixtures.track("X", user: "1")) == nil)
    }
}

@Suite struct `A blueprint that is wrong` {
    @Test(arguments: [
        (
            "{\"a\":\"propertis.id\"}",
            "There is no \"propertis\" in an event. Did you mean \"properties\"?"
        ),
        (
            "{\"a\":{\"source\":\"event\",\"transfrom\":\"trim\"}}",
            "A mapping has no key \"transfrom\". Did you mean \"transform\"?"
        ),
        (
            "{\"a\":{\"source\":\"event\",\"transform\":\"lowercas\"}}",
            "\"transform\" cannot be \"lowercas\". Did you mean \"lowercase\"?"
        ),
        (
            "{\"a\":{\"source\":\"event\",\"value\":1}}",
            "The mapping has source and value; one is allowed."
        ),
        ("{\"a\":{}}", "The mapping says nothing about where the value comes from."),
        (
            "{\"a\":{\"parameter\":\"tokn\"}}",
            "There is no parameter \"tokn\". Did you mean \"token\"?"
        ),
        ("{\"a\":\"properties.list[].name\"}", "The source goes through an array"),
        (
            "{\"a\":{\"source\":\"timestamp\",\"transform\":\"date\"}}",
            "The transform \"date\" needs a \"format\"."
        ),
        ("{\"a\":\"event\",\"a.b\":\"name\"}", "\"a.b\" does not fit the mappings beside it."),
        ("{\"a\":7}", "A mapping cannot be number."),
        (
            "{\"i[].a\":\"properties.x[].a\",\"i[].b\":\"properties.y[].b\"}",
            "\"i[].b\" does not fit the mappings beside it."
        ),
        ("{\"a\":\"properties.list[]name\"}", "has no dot after []"),
        ("{\"a\":[{\"object\":\"properties\"},\"event\"]}", "may hold paths"),
        ("{\"a\":{\"value\":1,\"when\":{\"parameter\":\"token\"}}}", "cannot look at a secret"),
        ("{\"a..b\":\"event\"}", "\"a..b\" is no target path."),
        ("{\"a\":{\"value\":1,\"template\":\"x\"}}", "A mapping has no key \"template\"."),
    ])
    func `is refused with the place and what to do`(mappings: String, message: String) {
        let faults = #expect(throws: Diagnostics.self) { try blueprint(mappings) }
        let fault = faults?.all.first
        let said = "\(fault?.message ?? "") \(fault?.fix ?? "")"
        #expect(said.contains(message))
        #expect(fault?.file == "test.json" && fault?.line == 5)
    }

    @Test(arguments: [
        "\"traits.email\"", "[\"context.traits.email\"]", "{\"object\":\"traits\"}", "\"traits\"",
        "{\"object\":\"context\"}",
    ])
    func `is refused when an email would pass it unchecked`(rule: String) {
        let faults = #expect(throws: Diagnostics.self) {
            try blueprint("{\"e\":\(rule)}", extra: "\"email\":\"raw\",")
        }
        #expect(faults?.all.first?.message.contains("not been checked") == true)
    }

    @Test(arguments: ["identity.email", "traits.email", "properties.email"])
    func `is refused when it would change an email that is wanted raw`(path: String) {
        let faults = #expect(throws: Diagnostics.self) {
            try blueprint(
                "{\"e\":{\"source\":\"\(path)\",\"transform\":\"sha256\"}}",
                extra: "\"email\":\"raw\",")
        }
        #expect(faults?.all.first?.message.contains("changes an email") == true)
    }

    @Test func `may not mix requests that take something away with others, nor invent classes`() {
        let text = """
            {"blueprint":"t","version":1,"requests":{"a":{"url":"https://x","reduces":true},
             "b":{"url":"https://x"}},
             "answers":[{"when":{"status":500},"class":"unknown"}],
             "presets":{"default":{"events":{"E":{"request":["a","b"]}}}}}
            """
        let faults = #expect(throws: Diagnostics.self) {
            try Blueprint.read(file: "t", bytes: Array(text.utf8))
        }
        #expect(faults?.all.map(\.line) == [3, 4])
    }

    @Test func `names an unknown request and an unknown preset of a test`() {
        let text = """
            {"blueprint":"t","version":1,"requests":{"track":{"url":"https://x"}},
             "presets":{"default":{"events":{"E":{"request":"trak"}}}},
             "tests":[{"preset":"defalt","given":{},"expect":{"reason":"anonymous"}}]}
            """
        let faults = #expect(throws: Diagnostics.self) {
            try Blueprint.read(file: "t", bytes: Array(text.utf8))
        }
        #expect(faults?.all.map(\.line) == [2, 3])
    }
}

@Suite struct `A blueprint's text` {
    @Test func `has a revision that changes with every byte`() throws {
        let text = try Fixtures.text("Blueprints/vero.json")
        let other = try Blueprint.read(file: "v", bytes: Array((text + "\n").utf8))
        #expect(try Fixtures.vero().revision.count == 12)
        #expect(try Fixtures.vero().revision != other.revision)
    }
}
