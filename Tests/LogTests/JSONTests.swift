import Consent
import Events
import JSON
import Log
import Pipeline
import SluiceTesting
import Testing

/// Reads what a writer has written.
private func written(_ append: (inout JSONWriter) -> Void) throws -> JSONValue {
    try JSONReader.read(JSONWriter.make { append(&$0) }).root
}

/// The keys of an object, in order.
private func keys(_ value: JSONValue?) -> [String] {
    value?.members.compactMap { $0.key.string } ?? []
}

@Suite struct `A row as JSON` {
    @Test func `of a delivery leaves out what is not known, and has the words in it`() throws {
        let bare = try written { delivery(.queued).appendJSON(to: &$0, at: noon) }
        #expect(
            keys(bare) == [
                "id", "eventId", "messageId", "event", "source", "userId", "email", "receivedAt",
                "destination", "state", "attempts", "blueprintRevision", "outOfOrder", "message",
            ])
        #expect(bare["message"]?.string == delivery(.queued).sentence(at: noon))
        let held = delivery(.retrying) { ($0.standing, $0.dueAt) = (.held(hold), noon) }
        let root = try written { held.appendJSON(to: &$0, at: noon) }
        #expect(root["state"]?.string == "held" && root["dueAt"] == nil)
        #expect(root["hint"]?.string == held.advice)
    }

    @Test func `of a request shows a JSON body as JSON and any other as text`() throws {
        let body = MaskedText(Array("{\"price\":1.10}".utf8))
        let requests = [
            MappedRequest(
                name: "a", method: "POST", url: MaskedText(Array("https://x/".utf8)), body: body),
            MappedRequest(
                name: "b", method: "PUT", url: MaskedText(), encoding: .form,
                body: MaskedText(Array("price=1".utf8))),
        ]
        let root = try written { requests.appendJSON(to: &$0) }
        #expect(root.elements[0]["body"]?["price"]?.raw.elementsEqual("1.10".utf8) == true)
        #expect(root.elements[1]["body"]?.string == "price=1")
    }

    @Test func `of a rejected body has the problem and the body as text`() throws {
        let row = RejectedRow(
            number: 7, source: "vero", receivedAt: noon, messageID: nil,
            problem: Problem(code: "no_type", message: "It has none.", hint: "Give one."),
            body: Array("{".utf8), headers: "{\"x\":\"1\"}")
        let root = try written { row.appendJSON(to: &$0) }
        #expect(root["number"]?.integer == 7 && root["body"]?.string == "{")
        #expect(root["code"]?.string == "no_type" && root["hint"]?.string == "Give one.")
        #expect(root["headers"]?.string == "{\"x\":\"1\"}" && root["messageId"] == nil)
    }

    @Test func `of a source says whether and why it is off`() throws {
        let rows = [
            SourceRow(name: "a", kind: "server", offReason: nil, lastEvent: noon),
            SourceRow(name: "b", kind: "webhook", offReason: "no token is set", lastEvent: nil),
        ]
        let root = try written { rows.appendJSON(to: &$0) }
        #expect(root.elements.map { $0["enabled"]?.bool } == [true, false])
        #expect(root.elements[1]["offReason"]?.string == "no token is set")
        #expect(root.elements[0]["lastEvent"]?.string == noon.iso8601)
    }
}

@Suite struct `An explanation` {
    private let log: ListLog

    init() throws {
        log = ListLog(details: try [1, 2].map { try detail(delivery(.delivered, event: $0)) })
    }

    @Test(arguments: [
        (EventID(number: 2).text, 1),
        (DeliveryID(event: EventID(number: 2), destination: "vero").text, 1), ("m-2", 1),
        ("1000", 2), ("jane@example.com", 2), ("nobody", 0), (EventID(number: 9).text, 0),
    ])
    func `is found by every kind of id`(id: String, count: Int) throws {
        #expect(try Explanation.events(for: id, in: log, limit: 9).count == count)
    }

    @Test func `holds the deliveries that are asked about`() throws {
        let event = EventID(number: 1)
        #expect(try Explanation(of: event, from: log)?.details.count == 1)
        #expect(try Explanation(of: event, only: "crm", from: log)?.details.isEmpty == true)
        #expect(try Explanation(of: EventID(number: 9), from: log) == nil)
        let root = try written { writer in
            try? Explanation(of: event, from: log)?.appendJSON(to: &writer, at: noon)
        }
        #expect(root["name"]?.string == "Product Viewed")
        #expect(keys(root["deliveries"]?.elements.first).suffix(2) == ["requests", "attemptList"])
    }

    @Test func `of a whole person is an export with the bodies as they came`() throws {
        var log = log
        let standing = Standing(
            answers: [ConsentAnswer(category: "a", granted: true, at: noon, origin: "o")])
        log.people[IdentityKey(.user, "1000")] = KnownPerson(identity: nil, standing: standing)
        let root = try JSONReader.read(try PersonExport(of: "1000", from: log).json(at: noon)).root
        #expect(root["person"]?.string == "1000")
        #expect(root["consent"]?.elements.first?["answers"]?.elements.count == 1)
        let events = try #require(root["events"]?.elements)
        #expect(events.count == 2)
        #expect(events.first?["body"]?["properties"]?["price"] != nil)
        #expect(events.first?["log"]?["deliveries"]?.elements.count == 1)
    }
}

@Suite struct `A status report` {
    private static func refusal(last: Timestamp) -> RefusalRow {
        RefusalRow(
            source: nil, code: "unknown_key", count: 2, firstAt: last, lastAt: last,
            path: "/v1/track", origin: nil, userAgent: "curl/8", keyEnding: "wxyz")
    }

    @Test func `asks for an operator when something is held, refused or under pressure`() throws {
        let row = DestinationRow(
            name: "vero", isEnabled: true, hold: nil, restingUntil: noon, waiting: 3,
            oldestWaiting: noon, lastDelivered: nil, lastError: nil, lastErrorAt: nil)
        func needsOperator(_ change: (inout ListLog) -> Void) throws -> Bool {
            var log = ListLog()
            log.destinationRows = [row]
            change(&log)
            return try StatusReport(from: log, at: noon).needsOperator
        }
        #expect(try !needsOperator { _ in })
        #expect(try needsOperator { $0.destinationRows[0].hold = hold })
        #expect(try needsOperator { $0.refusalRows = [Self.refusal(last: noon)] })
        let before = noon - RefusalRow.freshSpan
        #expect(try !needsOperator { $0.refusalRows = [Self.refusal(last: before)] })
        #expect(
            try needsOperator {
                $0.serverRow.refused = PipelineChange(revision: "b", at: noon, fault: "f")
            })
        #expect(
            try needsOperator {
                $0.serverRow.pressure = ServerRow.Pressure(
                    problem: Problem(code: "disk_reserve", message: "m", hint: "h"), since: noon)
            })
    }

    @Test func `has refused calls, the pipeline and the intake as JSON`() throws {
        var log = ListLog()
        log.refusalRows = [
            Self.refusal(last: noon), Self.refusal(last: noon - RefusalRow.shownSpan),
        ]
        log.serverRow = ServerRow(
            running: PipelineChange(revision: "a", at: noon),
            refused: PipelineChange(revision: "b", at: noon, fault: "pipeline.json:1:1"))
        let report = try StatusReport(from: log, at: noon)
        let root = try written { report.appendJSON(to: &$0) }
        #expect(
            keys(root) == [
                "sources", "destinations", "reloadFault", "refused", "pipeline", "intake",
                "needsOperator",
            ])
        let refused = try #require(root["refused"]?.elements)
        #expect(refused.count == 1, "what is old is not shown")
        #expect(
            refused[0]["keyEnding"]?.string == "wxyz" && refused[0]["fresh"]?.bool == true)
        #expect(root["reloadFault"]?.string == "pipeline.json:1:1")
        #expect(root["pipeline"]?["revision"]?.string == "a")
        #expect(root["pipeline"]?["refusedRevision"]?.string == "b")
        #expect(root["intake"]?["takesEvents"]?.bool == true)
    }
}
