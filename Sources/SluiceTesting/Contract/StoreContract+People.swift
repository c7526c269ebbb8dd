import Accept
import Consent
import Deliver
import Events
import Identify
import JSON
import Log
import Pipeline
import Store

/// Promises about people: what an operator says counts at once.
extension StoreContract {
    static let people: [StoreContract] = [
        StoreContract("stores an operator's answer for user id and email alike") { store in
            _ = try await store.accept(
                """
                {"type":"identify","userId":"1","traits":{"email":"a@b.co"}}
                """)
            let change = try await store.engine.setConsent(
                of: "a@b.co", to: [store.answer("marketing", false)], lifting: false)
            try expect(
                change == PersonChange(identifiers: 2, isKnown: true), "both, not \(change)")
            let id = try await store.accept([try Fixtures.track(user: "1")])[0].id
            try expect(try store.row(id).reason == .consent, "of two at the same time the no wins")
            try expect(
                store.changedConsent.contains(IdentityKey(.email, "a@b.co")), "it is told")
        },
        StoreContract("looks at consent again only for what may have changed") { store in
            let receipts = try await store.accept(
                try (0..<4).map { try Fixtures.track(user: "\($0 % 2)", message: "m\($0)") })
            for job in store.handedOver { store.end(job, .delivered) }
            store.clock.advance(by: .milliseconds(1_000))
            _ = try await store.engine.setConsent(
                of: "1", to: [store.answer("marketing", false)], lifting: false)
            try expect(try store.claim().map(\.id.event) == [receipts[2].id], "the other's goes")
            try expect(try store.row(receipts[3].id).reason == .consent, "this one does not")
        },
        StoreContract("stops a person for every destination until the operator lifts it") { store in
            _ = try await store.accept(
                """
                {"type":"identify","userId":"1","traits":{"email":"a@b.co"}}
                """)
            let change = try await store.engine.suppress("1", because: "asked by phone")
            try expect(change.identifiers == 2 && change.isKnown, "user id and email")
            let consent = """
                {"type":"track","event":"Consent Updated","userId":"1",
                 "context":{"consent":{"marketing":true}}}
                """
            for text in [
                consent, "{\"type\":\"track\",\"event\":\"Resubscribed\",\"userId\":\"1\"}",
            ] {
                store.clock.advance(by: .milliseconds(1_000))
                _ = try await store.accept(text)
            }
            let held = try await store.accept([try Fixtures.track(user: "1", message: "h")])[0].id
            try expect(try store.row(held).reason == .suppressed, "no event lifts it")
            store.clock.advance(by: .milliseconds(1_000))
            _ = try await store.engine.liftSuppression(of: "a@b.co")
            let sent = try await store.accept([try Fixtures.track(user: "1", message: "s")])[0].id
            try expect(try store.row(sent).reason == nil, "then it is sent")
        },
        StoreContract("holds what restricts an id for every spelling of it") { store in
            // As an earlier version took ids: with their blanks.
            let text = "{\"type\":\"identify\",\"userId\":\" 7 \"}"
            let old = Event(
                source: "backend", trusted: true, type: .identify, userID: " 7 ",
                timestamp: store.clock.now, receivedAt: store.clock.now,
                document: try JSONReader.read(text: text))
            _ = try await store.accept([old])
            _ = try await store.engine.suppress(" 7 ", because: "")
            // A number with as many characters as its reading.
            let number = Event(
                source: "backend", trusted: true, type: .identify, userID: "1e1",
                timestamp: store.clock.now, receivedAt: store.clock.now,
                document: try JSONReader.read(text: "{\"userId\":\"1e1\"}"))
            _ = try await store.accept([number])
            _ = try await store.engine.suppress("1e1", because: "")
            for id in ["\" 7 \"", "\"7\"", "1e1", "10"] {
                let event = try await store.accept(
                    "{\"type\":\"track\",\"event\":\"Product Viewed\",\"userId\":\(id)}")
                try expect(try store.row(event).reason == .suppressed, "as \(id) too")
            }
            let change = try await store.engine.suppress(" Jane <j@b.co> ", because: "")
            let event = try await store.accept(
                "{\"type\":\"identify\",\"traits\":{\"email\":\"j@b.co\"}}")
            try expect(!change.isKnown, "nobody was known")
            try expect(try store.row(event).reason == .suppressed, "an order is read the same way")
        },
        StoreContract("holds a person's no for an address that comes later, and for a new one") {
            store in
            func identify(_ email: String) -> String {
                """
                {"type":"identify","userId":"1","traits":{"email":"\(email)"},
                 "context":{"consent":{"marketing":true}}}
                """
            }
            _ = try await store.accept(identify("old@b.co"))
            _ = try await store.engine.suppress("old@b.co", because: "by phone")
            store.clock.advance(by: .seconds(1))
            let renamed = try await store.accept(identify("new@b.co"))
            let alone = try await store.accept(
                """
                {"type":"track","event":"Product Viewed","traits":{"email":"new@b.co"},
                 "context":{"consent":{"marketing":true}}}
                """)
            for id in [renamed, alone] {
                try expect(try store.row(id).reason == .suppressed, "it moved with the person")
            }
        },
        StoreContract("takes a group's address for nobody's") { store in
            _ = try await store.engine.suppress("info@corp.co", because: "")
            for text in [
                "{\"type\":\"identify\",\"userId\":\"1\",\"traits\":{\"email\":\"a@b.co\"}}",
                """
                {"type":"group","userId":"1","groupId":"g","traits":{"email":"info@corp.co"}}
                """,
            ] { _ = try await store.accept(text) }
            let id = try await store.accept([try Fixtures.track(user: "1")])[0].id
            try expect(try store.row(id).reason == nil, "the company is not the person")
        },
        StoreContract("says when nobody is known under an id that an operator gives") { store in
            let change = try await store.engine.suppress("nobody", because: "")
            try expect(change == PersonChange(identifiers: 1, isKnown: false), "it says so")
        },
        StoreContract("takes an email that stands as a user id for both") { store in
            _ = try await store.accept([try Fixtures.track(user: "a@b.co")])
            let both = try await store.engine.setConsent(of: "a@b.co", to: [], lifting: false)
            try expect(both.identifiers == 2, "user id and email, not \(both)")
            let unknown = try await store.engine.setConsent(of: "c@d.co", to: [], lifting: false)
            try expect(unknown.identifiers == 1, "an email that no event has as a user id")
        },
    ]
}
