import Accept
import Consent
import Deliver
import Events
import JSON
import Log
import Pipeline
import Store

/// Promises about taking events: kept exactly, once, in order, and found again.
extension StoreContract {
    static let accepting: [StoreContract] = [
        StoreContract("keeps an event exactly as it came") { store in
            let event = try Fixtures.track(user: "1", message: "m")
            let receipt = try await store.accept([event])[0]
            let row = try require(try store.log.event(receipt.id), "the event")
            try expect(row.event.document.bytes == event.document.bytes, "the same bytes")
            try expect(row.event.messageID == "m" && row.event.userID == "1", "the same ids")
        },
        StoreContract("takes a message id once per source and tells repeats apart") { store in
            let event = try Fixtures.track(user: "1", message: "m")
            let first = try await store.accept([event, event])
            try expect(first.map(\.duplicate) == [false, true], "the second is a repeat")
            let again = try await store.accept([event])
            try expect(again[0] == first[1], "the repeat names the first event")
            let other = try await store.accept([event], source: "other")
            try expect(!other[0].duplicate, "another source's id is another id")
        },
        StoreContract("remembers message ids after it was opened again") { store in
            let event = try Fixtures.track(user: "1", message: "m")
            _ = try await store.accept([event])
            let again = try await store.reopened().accept([event])
            try expect(again[0].duplicate, "it is a repeat")
        },
        StoreContract("gives ids that never go backwards") { store in
            let first = try await store.accept([try Fixtures.track(user: "1")])[0].id
            let earlier = store.clock.now + .milliseconds(-60_000)
            let second = try await store.accept([try Fixtures.track(user: "1", at: earlier)])[0].id
            try expect(first < second, "the later event has the larger id")
        },
        StoreContract("keeps rejected events apart and their message ids free") { store in
            let rejection = Rejection(
                index: 0, messageID: "m",
                problem: Problem(code: "no_type", message: "m", hint: "h"), body: Array("{}".utf8),
                removed: ["traits.password"])
            _ = try await store.events.accept(Envelope(rejections: [rejection]), from: "backend")
            let kept = try store.log.rejected(limit: 9)
            try expect(kept.map(\.problem.code) == ["no_type"], "kept")
            try expect(kept[0].removed.first == "traits.password", "it says what is missing")
            let receipt = try await store.accept([try Fixtures.track(user: "1", message: "m")])[0]
            try expect(!receipt.duplicate, "the id is free")
        },
        StoreContract("finds events by message, user and email") { store in
            let event = try Fixtures.accepted(
                """
                {"type":"identify","userId":"7","messageId":"m7","traits":{"email":"A@b.co"}}
                """)
            let id = try await store.accept([event])[0].id
            try expect(try store.log.events(messageID: "m7") == [id], "by message id")
            try expect(
                try store.log.events(of: IdentityKey(.user, "7"), limit: 9) == [id], "by user")
            try expect(
                try store.log.events(of: IdentityKey(.email, "a@B.CO"), limit: 9) == [id],
                "by email")
            var filter = DeliveryFilter(since: store.clock.now + .milliseconds(-1), limit: 9)
            filter.user = "a@b.co"
            filter.reason = .consent
            try expect(try store.log.deliveries(filter).map(\.id.event) == [id], "by filter")
        },
    ]
}
