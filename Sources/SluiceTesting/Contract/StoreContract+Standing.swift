import Accept
import Consent
import Deliver
import Events
import Log
import Pipeline
import Store

/// Promises about what people are shown: how destinations stand, which pipeline runs, and what was
/// refused.
extension StoreContract {
    static let standing: [StoreContract] = [
        StoreContract("shows a destination as gone while the pipeline has it not") { store in
            let id = try await store.accept([try Fixtures.track(user: "1")])[0].id
            let pipeline = try StoreSetUp().pipeline
            _ = try await store.engine.replace(Pipeline(destinations: []))
            let row = try store.log.destinations()[0]
            try expect(row.standing == .gone && row.waiting == 1, "it keeps what waits")
            try expect(try store.row(id).standing == .gone, "its delivery says so too")
            _ = try await store.engine.replace(pipeline)
            try expect(try store.log.destinations()[0].standing == .open, "it is back")
            try expect(try store.row(id).standing == .open, "its delivery says so too")
        },
        StoreContract("shows since when a destination rests, and why") { store in
            let since = store.clock.now
            let until = since + .minutes(5)
            store.submit([.rest(destination: "vero", until: until, hint: "no answer")])
            store.clock.advance(by: .minutes(5))
            let later = until + .minutes(10)
            store.submit([.rest(destination: "vero", until: later, hint: "still none")])
            try expect(
                try store.log.destinations()[0].standing
                    == .resting(since: since, until: later, why: "still none"),
                "one rest after the other is one time without an answer")
            store.submit([.rest(destination: "vero", until: nil, hint: "")])
            try expect(try store.log.destinations()[0].standing == .open, "it answers again")
        },
        StoreContract("shows who holds a destination") { store in
            try await store.engine.hold("vero", because: "maintenance")
            try expect(try store.log.destinations()[0].hold?.byOperator == true, "an operator")
        },
        StoreContract(
            "shows the pipeline that runs, and a refused one until another is taken",
            setUp: { $0.pipeline = Pipeline(destinations: [], revision: "first") }
        ) { store in
            try expect(try store.log.server().running?.revision == "first", "since the start")
            let refused = PipelineChange(
                revision: "second", at: store.clock.now, fault: "pipeline.json:1:1: No.")
            try await store.engine.note(refused)
            try expect(try store.log.server().refused == refused, "it was refused")
            try expect(try store.log.server().running?.revision == "first", "the first stays")
            _ = try await store.engine.replace(Pipeline(destinations: [], revision: "third"))
            let server = try store.log.server()
            try expect(server.refused == nil && server.running?.revision == "third", "taken")
        },
        StoreContract("counts refused calls for each source and code, and keeps the last") {
            store in
            let first = store.clock.now
            for number in 1...3 {
                store.engine.note(
                    RefusedCall(
                        source: number == 3 ? "site" : nil, code: "unknown_key",
                        at: store.clock.now, path: "/v1/\(number)", userAgent: "agent \(number)",
                        key: "key-number-\(number)"))
                store.clock.advance(by: .seconds(1))
            }
            _ = try await store.accept([try Fixtures.track(user: "1")])
            let rows = try store.log.refusals()
            try expect(rows.map(\.source) == ["site", nil], "the newest first")
            let nobody = rows[1]
            try expect(nobody.count == 2 && nobody.firstAt == first, "two of nobody's")
            try expect(
                nobody.path == "/v1/2" && nobody.userAgent == "agent 2"
                    && nobody.keyEnding == "er-2", "the last of them")
        },
        StoreContract("forgets refused calls after a week without one") { store in
            store.engine.note(
                RefusedCall(
                    source: nil, code: "unknown_key", at: store.clock.now, path: "/v1/track"))
            _ = try await store.accept([try Fixtures.track(user: "1")])
            try expect(try store.log.refusals().count == 1, "it is shown")
            store.clock.advance(by: .days(8))
            store.engine.note(
                RefusedCall(
                    source: "site", code: "too_fast", at: store.clock.now, path: "/v1/track"))
            _ = try await store.accept([try Fixtures.track(user: "1")])
            try expect(try store.log.refusals().map(\.code) == ["too_fast"], "the old one went")
        },
    ]
}
