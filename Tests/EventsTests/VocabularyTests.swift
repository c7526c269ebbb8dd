import Events
import JSON
import Testing

@Suite struct `A timestamp` {
    @Test(arguments: [
        ("2026-06-06T10:15:30Z", 1_780_740_930_000),
        ("2026-06-06T10:15:30.123Z", 1_780_740_930_123),
        ("2026-06-06T10:15:30.123456+00:00", 1_780_740_930_123),
        ("2026-06-06T15:45:30.000+05:30", 1_780_740_930_000),
        ("2026-06-06T10:15:30+0000", 1_780_740_930_000),
        ("2026-06-06T10:15:30.793873289Z", 1_780_740_930_793),
        ("2026-06-06 10:15:30", 1_780_740_930_000), ("1970-01-01", 0),
        ("2000-02-29", 951_782_400_000),
    ])
    func `is read as real SDKs write it`(text: String, milliseconds: Int64) {
        #expect(Timestamp(reading: text)?.milliseconds == milliseconds)
    }

    @Test(arguments: [
        "", "yesterday", "2026-13-01", "2026-02-30", "2026-06-06T25:00:00Z",
        "2026-06-06T10:15:30Zx",
        "2026-06-06T10:15:30.Z", "1900-02-29",
    ])
    func `is not made from what is no date`(text: String) {
        #expect(Timestamp(reading: text) == nil)
    }

    @Test func `comes out in Vero's format`() throws {
        let moment = try #require(Timestamp(reading: "2026-06-06T10:15:30.5Z"))
        #expect(
            try DatePattern("yyyy-MM-dd'T'HH:mm:ssZ").format(moment) == "2026-06-06T10:15:30+0000")
        #expect(moment.iso8601 == "2026-06-06T10:15:30.500Z")
        #expect(Timestamp(milliseconds: -1).iso8601 == "1969-12-31T23:59:59.999Z")
    }

    @Test func `refuses a pattern with an unknown field`() {
        #expect(throws: DatePattern.UnknownField.self) { try DatePattern("yyyy-QQ") }
    }
}

@Suite struct `A mark` {
    @Test func `is kept and read back with its value`() {
        let marks = [
            Event.Mark(.large), Event.Mark(.unreadableTimestamp, value: "50%20 of = it"),
            Event.Mark(.unlikelyTimestamp, value: ""),
        ]
        #expect(Event.Mark.marks(stored: Event.Mark.stored(marks)) == marks)
        #expect(Event.Mark.stored([]).isEmpty && Event.Mark.marks(stored: "").isEmpty)
    }

    @Test func `of an older store is read too, and an unknown one is left out`() {
        let text = "repaired:lone_surrogate warning:unreadable_timestamp else:new=1"
        #expect(
            Event.Mark.marks(stored: text)
                == [Event.Mark(.loneSurrogate), Event.Mark(.unreadableTimestamp)])
    }

    @Test func `shows the beginning of a long value, and no control characters`() {
        let long = Event.Mark(.unreadableTimestamp, value: String(repeating: "é", count: 99))
        #expect(long.value == String(repeating: "é", count: 64) + "…")
        #expect(Event.Mark.marks(stored: Event.Mark.stored([long])) == [long])
        #expect(
            Event.Mark(.unreadableTimestamp, value: "a\u{1B}[2J\n").value == "a\u{FFFD}[2J\u{FFFD}")
    }
}

@Suite struct `An identifier` {
    @Test func `of an event reads back from its text and sorts like it`() throws {
        let first = EventID.next(
            after: EventID(number: 0), at: Timestamp(milliseconds: 1_780_740_930_000))
        let second = EventID.next(after: first, at: Timestamp(milliseconds: 1_000))
        #expect(EventID(first.text) == first)
        #expect(first.text < second.text)
        #expect(EventID("evt_!") == nil)
        #expect(EventID("evt_zzzzzzzzzzzzz") == nil)
    }

    @Test func `of a delivery keeps a destination's name with underscores`() {
        let id = DeliveryID(event: EventID(number: 77), destination: "my_vero")
        #expect(DeliveryID(id.text) == id)
        #expect(DeliveryID("dlv_x") == nil)
    }
}

@Suite struct `The table of reasons` {
    @Test(arguments: Reason.allCases)
    func `has a state that is final, a sentence and a hint for each`(reason: Reason) {
        #expect(reason.state.isFinal)
        #expect(!reason.sentence.isEmpty && !reason.hint.isEmpty)
    }
}

@Suite struct `A masked text` {
    @Test func `shows no secret and gets it back only when it is sent`() {
        let text = MaskedText(
            Array("{\"t\":\"***\",\"u\":\"***\"}".utf8),
            secrets: [.init(offset: 6, parameter: "token")])
        let sent = String(decoding: text.revealed { _ in Array("s3cret".utf8) }, as: UTF8.self)
        #expect(sent == "{\"t\":\"s3cret\",\"u\":\"***\"}")
        #expect(MaskedText(text.bytes, placesText: text.placesText) == text)
    }
}

@Suite struct `A configuration file` {
    @Test func `points at the line and column of what is wrong, and goes on`() throws {
        let file = try ConfigurationFile(
            name: "p.json", bytes: Array("{\n  \"enabeld\": true,\n  \"é\": 1\n}".utf8))
        file.root.refuseUnknownKeys(["enabled"], in: "A destination")
        let faults = #expect(throws: Diagnostics.self) { try file.throwFaults() }
        #expect(
            faults?.all.map(\.description) == [
                "p.json:2:3: A destination has no key \"enabeld\". Did you mean \"enabled\"?",
                "p.json:3:3: A destination has no key \"é\". Known: \"enabled\".",
            ])
    }

    @Test func `says where its syntax is wrong`() {
        let faults = #expect(throws: Diagnostics.self) {
            try ConfigurationFile(name: "p.json", bytes: Array("{\n  \"a\": 1,\n}".utf8))
        }
        #expect(faults?.all.first?.line == 3 && faults?.all.first?.column == 1)
    }
}

@Suite struct `A text` {
    @Test(arguments: [
        ("token-1", "token-1", true), ("a token-1 b", "token-1", true),
        ("token-", "token-1", false), ("", "x", false), ("x", "", true), ("ttoken", "token", true),
        ("e\u{301}", "e", true),
    ])
    func `holds another where its bytes stand`(text: String, other: String, holds: Bool) {
        #expect(text.containsBytes(of: other) == holds)
    }

    @Test func `of several fields is read as it was written`() {
        for fields in [["a", "", "é"], [""], ["", ""]] {
            #expect(Fields.split(Fields.join(fields)) == fields)
        }
    }

    @Test func `has as few characters as it has, however many bytes`() {
        #expect("ééé".hasFewerScalars(than: 4) && !"ééé".hasFewerScalars(than: 3))
    }
}
