import Accept
import Events
import JSON
import Map

/// Runs the tests that stand inside a source's blueprint.
package enum SourceTestRun {
    /// Runs one test and says what is wrong; nil when everything came out as expected.
    package static func failure(of test: SourceTest, in blueprint: SourceBlueprint) -> String? {
        let source = WebhookSource(name: blueprint.name, tokens: [], blueprint: blueprint)
        let reading = WebhookReader(acceptor: Acceptor()).read(
            Array(test.given.raw), headers: test.headers, from: source,
            at: Timestamp(milliseconds: 1_767_225_600_000))
        let rejection = reading.envelope.rejections.first
        switch test.expect {
        case .code(let code):
            if rejection?.problem.code == code { return nil }
            return "  expected the code \(code)\n  came out: \(describe(reading))"
        case .events(let wanted):
            let came = reading.envelope.events.map(\.event.document.root)
            if rejection == nil, came.count == wanted.count,
                zip(came, wanted).allSatisfy({ $0.equals($1) })
            {
                return nil
            }
            let text = wanted.map { String(decoding: $0.raw, as: UTF8.self) }
            return "  expected \(text.joined(separator: ", "))\n  came out: \(describe(reading))"
        }
    }

    private static func describe(_ reading: WebhookReader.Reading) -> String {
        let events = reading.envelope.events.map {
            String(decoding: $0.event.document.bytes, as: UTF8.self)
        }
        let rejections = reading.envelope.rejections.map {
            "\($0.problem.code): \($0.problem.message)"
        }
        return (events + rejections).joined(separator: ", ")
    }
}
