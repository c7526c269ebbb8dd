import Accept
import Consent
import Deliver
import Events
import Identify
import JSON
import Log
import Pipeline
import Store

/// Promises about forgetting: nothing of a forgotten person stays, and nobody else loses anything.
extension StoreContract {
    static let forgetting: [StoreContract] = [
        StoreContract("stores nothing of a forgotten id until an operator allows it again") {
            store in
            _ = try await store.engine.beginForgetting("1")
            let before = try await store.accept([try Fixtures.track(user: "1", message: "m1")])[0]
            try expect(try store.row(before.id).reason == .erased, "nothing is sent")
            let kept = try require(try store.log.event(before.id), "that it came")
            try expect(kept.event.userID == nil && kept.event.document.root.isEmpty, "no more")
            let again = try await store.accept([try Fixtures.track(user: "1", message: "m1")])[0]
            try expect(again.duplicate && again.id == before.id, "a repeat is recognised")
            store.clock.advance(by: .milliseconds(1_000))
            _ = try await store.engine.setConsent(of: "1", to: [], lifting: true)
            _ = try await store.engine.liftSuppression(of: "1")
            let lifted = try await store.accept(
                [try Fixtures.track(user: "1", message: "m2", at: store.clock.now)])[0].id
            try expect(try store.row(lifted).reason == .erased, "no lifting brings them back")
            _ = try await store.engine.allowAgain("1")
            let after = try await store.accept(
                [try Fixtures.track(user: "1", message: "m3", at: store.clock.now)])[0].id
            try expect(try store.row(after).state == .sending, "it is sent again")
        },
        StoreContract("forgets the new id of an alias from a forgotten one, and stores neither") {
            store in
            _ = try await store.engine.beginForgetting("old")
            let alias = try await store.accept(
                "{\"type\":\"alias\",\"userId\":\"new\",\"previousId\":\"old\"}")
            let later = try await store.accept([try Fixtures.track(user: "new")])[0].id
            for id in [alias, later] {
                try expect(try store.row(id).reason == .erased, "the new id is forgotten too")
                let event = try require(try store.log.event(id), "that it came").event
                try expect(event.userID == nil && event.previousID == nil, "nothing of them")
            }
        },
        StoreContract("ends what waits for a person who is forgotten, and nobody else's") { store in
            let receipts = try await store.accept(
                try (0..<6).map { try Fixtures.track(user: "\($0 % 3)", message: "m\($0)") })
            _ = try await store.engine.beginForgetting("0")
            try expect(try store.row(receipts[3].id).reason == .erased, "what waited is ended")
            try expect(try store.row(receipts[5].id).state == .queued, "another's waits on")
        },
        StoreContract("empties a person's events and finds nothing of them any more") { store in
            _ = try await store.accept(
                """
                {"type":"identify","userId":"1","messageId":"m1","anonymousId":"device",
                 "traits":{"email":"a@b.co"}}
                """)
            let id = try await store.accept(
                """
                {"type":"track","event":"E","userId":"1","messageId":"m2",
                 "context":{"consent":{"canonical":{"marketing":true}}}}
                """)
            let anonymous = try await store.accept(
                """
                {"type":"track","event":"E","anonymousId":"device","messageId":"m3"}
                """)
            let other = try await store.accept(
                """
                {"type":"track","event":"E","userId":"2","anonymousId":"device","messageId":"m4"}
                """)
            for job in store.handedOver { store.end(try job.built("{\"a@b.co\":1}"), .delivered) }
            let keys = try await store.engine.beginForgetting("a@b.co")
            let step = try await store.engine.erase(keys, after: .none, except: [])
            try expect(step.erased == 3 && step.busy == 0, "three events, not \(step)")
            for event in [id, anonymous] {
                let row = try require(try store.log.event(event), "the row")
                try expect(row.event.userID == nil && row.identity.email == nil, "no name")
                try expect(row.event.document.root.isEmpty, "no body")
            }
            try expect(try store.log.detail(store.delivery(id))?.requests == [], "no request")
            try expect(
                try store.log.events(of: IdentityKey(.user, "1"), limit: 9).isEmpty, "not found")
            try expect(
                try store.log.event(other)?.event.userID == "2",
                "a shared device takes nobody along")
            let again = try await store.accept([try Fixtures.track(user: "1", message: "m2")])[0]
            try expect(again.duplicate, "the message id stays known")
        },
        StoreContract("keeps events that are still under way until they have ended") { store in
            let id = try await store.accept([try Fixtures.track(user: "1")])[0].id
            let keys = try await store.engine.beginForgetting("1")
            let step = try await store.engine.erase(keys, after: .none, except: [])
            try expect(
                step == EraseStep(erased: 0, busy: 1, last: id), "it is busy, not \(step)")
            store.end(store.handedOver[0], .delivered)
            let later = try await store.engine.erase(keys, after: .none, except: [id])
            try expect(later == EraseStep(last: id), "an event that is needed is left")
            try expect(
                try await store.engine.erase(keys, after: .none, except: []).erased == 1,
                "then emptied")
        },
        StoreContract("empties what was under way by itself, once it has ended") { store in
            let id = try await store.accept([try Fixtures.track(user: "1")])[0].id
            let keys = try await store.engine.beginForgetting("1")
            _ = try await store.engine.erase(keys, after: .none, except: [])
            try await store.engine.finishForgetting(keys)
            store.clock.advance(by: .minutes(2))
            store.flush()
            try expect(
                try store.log.event(id)?.event.document.root.isEmpty == false, "it is needed")
            store.end(store.handedOver[0], .delivered)
            store.clock.advance(by: .minutes(2))
            try await store.keepHouse(until: "nothing of it is left") {
                try store.log.event(id)?.event.document.root.isEmpty == true
            }
        },
        StoreContract("empties a forgotten person's late unsubscribe once it arrived") { store in
            _ = try await store.engine.beginForgetting("1")
            let id = try await store.accept(
                "{\"type\":\"track\",\"event\":\"Unsubscribed\",\"userId\":\"1\"}")
            let job = try require(store.handedOver.last, "it takes something away, so it is sent")
            try expect(job.event.userID == "1", "with whom it is about")
            store.end(job, .delivered)
            store.clock.advance(by: .minutes(2))
            try await store.keepHouse(until: "nothing of it is left") {
                try store.log.event(id)?.event.userID == nil
            }
        },
        StoreContract("lets all come back together that was forgotten together") { store in
            let identify = """
                {"type":"identify","userId":"1","traits":{"email":"a@b.co"},
                 "context":{"consent":{"marketing":true}}}
                """
            _ = try await store.accept(identify)
            for job in store.handedOver { store.end(job, .delivered) }
            let keys = try await store.engine.beginForgetting("1")
            try await store.engine.finishForgetting(keys)
            let change = try await store.engine.allowAgain("1")
            try expect(change.identifiers == 2 && change.isKnown, "both, not \(change)")
            let id = try await store.accept(identify)
            try expect(try store.row(id).reason == nil, "the address keeps nothing back any more")
        },
        StoreContract("lets nobody come back who was forgotten with somebody else since") { store in
            func identify(_ user: String) -> String {
                """
                {"type":"identify","userId":"\(user)","traits":{"email":"shared@b.co"},
                 "context":{"consent":{"marketing":true}}}
                """
            }
            for user in ["1", "9"] {
                _ = try await store.accept(identify(user))
                let keys = try await store.engine.beginForgetting(user)
                try await store.engine.finishForgetting(keys)
                if user == "1" { _ = try await store.engine.allowAgain("1") }
            }
            let keys = try await store.engine.beginForgetting("1")
            try await store.engine.finishForgetting(keys)
            let change = try await store.engine.allowAgain("1")
            try expect(change.identifiers == 1, "only the id, not \(change)")
            let id = try await store.accept(identify("9"))
            try expect(try store.row(id).reason == .erased, "the other's erasure holds")
        },
        StoreContract("keeps an operator's stop when a forgotten person comes back") { store in
            _ = try await store.accept([try Fixtures.track(user: "5")])
            let keys = try await store.engine.beginForgetting("5")
            try await store.engine.finishForgetting(keys)
            _ = try await store.engine.suppress("5", because: "")
            _ = try await store.engine.allowAgain("5")
            let id = try await store.accept([try Fixtures.track(user: "5", message: "m")])[0].id
            try expect(try store.row(id).reason == .suppressed, "until the operator lifts it")
        },
        StoreContract("keeps no rejected body that names somebody who was forgotten") { store in
            let keys = try await store.engine.beginForgetting("person-1")
            try await store.engine.finishForgetting(keys)
            let rejection = Rejection(
                index: 0, messageID: "m", problem: Problem(code: "c", message: "m", hint: "h"),
                body: Array("{\"userId\":\"person-1\"}".utf8))
            _ = try await store.events.accept(Envelope(rejections: [rejection]), from: "backend")
            let kept = try store.log.rejected(limit: 9)
            try expect(kept.map(\.problem.code) == ["c"], "that it came is kept")
            try expect(!String(decoding: kept[0].body, as: UTF8.self).contains("person-1"), "empty")
        },
        StoreContract("ends no deletion, and lets it go behind what is ended") { store in
            let waiting = try await store.accept([try Fixtures.track(user: "1")])[0].id
            let due = store.clock.now + .seconds(3)
            store.end(store.handedOver[0], .retry(due: due, leavesLane: false))
            let deletion = try await store.acceptDeletion(of: "1")
            let keys = try await store.engine.beginForgetting("1")
            try expect(try store.row(waiting).reason == .erased, "the retry is ended")
            let step = try await store.engine.erase(keys, after: .none, except: [])
            try expect(step.erased == 1 && step.busy == 1, "the deletion is left, not \(step)")
            let jobs = try store.claim()
            try expect(jobs.map(\.id.event) == [deletion], "it is the head of its lane now")
            store.end(jobs[0], .delivered)
            try expect(
                try await store.engine.erase(keys, after: .none, except: []).erased == 1,
                "then emptied")
        },
        StoreContract("tries nothing again for a person who was forgotten meanwhile") { store in
            let id = try await store.accept([try Fixtures.track(user: "1")])[0].id
            _ = try await store.engine.beginForgetting("1")
            store.end(
                store.handedOver[0], .retry(due: store.clock.now, leavesLane: false))
            try expect(try store.claim().isEmpty, "nothing is claimed")
            try expect(try store.row(id).reason == .erased, "it is ended")
        },
        StoreContract("keeps nothing under the identifiers of a forgotten person") { store in
            _ = try await store.accept(
                """
                {"type":"identify","userId":"1","anonymousId":"device",
                 "traits":{"email":"a@b.co"}}
                """)
            let keys = [
                IdentityKey(.user, "1"), IdentityKey(.email, "a@b.co"),
                IdentityKey(.anonymous, "device"),
            ]
            try expect(
                try store.log.person(keys[2]).identity?.userID == "1", "the device is known")
            let person = try await store.engine.beginForgetting("1")
            let again = try await store.engine.beginForgetting("a@b.co")
            try expect(again == person, "whoever forgets again finds everything")
            try await store.engine.finishForgetting(person)
            for key in keys {
                let identity = try store.log.person(key).identity ?? IdentityRecord()
                try expect(identity == IdentityRecord(), "nothing under \(key)")
            }
        },
        StoreContract("knows every email of a person, from events and from what is kept") { store in
            for email in ["old@b.co", "new@b.co"] {
                _ = try await store.accept(
                    """
                    {"type":"identify","userId":"1","traits":{"email":"\(email)"}}
                    """)
            }
            _ = try await store.accept("{\"type\":\"alias\",\"userId\":\"2\",\"previousId\":\"1\"}")
            for id in ["1", "2", "old@b.co"] {
                let change = try await store.engine.setConsent(of: id, to: [], lifting: false)
                try expect(change.identifiers == 4, "two ids, two emails, not \(change)")
            }
            let keys = try await store.engine.beginForgetting("2")
            try expect(keys.users == ["1", "2"], "both ids of the alias, not \(keys)")
            try expect(keys.emails == ["old@b.co", "new@b.co"], "both, not \(keys)")
        },
        StoreContract("empties events from before a person was known, and their old ids") { store in
            let texts = [
                "{\"type\":\"track\",\"event\":\"E\",\"anonymousId\":\"device\"}",
                "{\"type\":\"identify\",\"userId\":\"1\",\"anonymousId\":\"device\",\"traits\":{}}",
                "{\"type\":\"alias\",\"userId\":\"2\",\"previousId\":\"1\"}",
            ]
            var ids: [EventID] = []
            for text in texts { ids.append(try await store.accept(text)) }
            for job in store.handedOver { store.end(job, .delivered) }
            let keys = try await store.engine.beginForgetting("1")
            let step = try await store.engine.erase(keys, after: .none, except: [])
            try expect(step.erased == 3, "all three, not \(step)")
            for id in ids {
                try expect(try store.log.event(id)?.event.document.root.isEmpty == true, "no body")
            }
        },
        StoreContract("removes rejected bodies that name a forgotten person") { store in
            func rejection(_ body: String, _ message: String? = nil) -> Rejection {
                Rejection(
                    index: 0, messageID: message,
                    problem: Problem(code: "no_type", message: "m", hint: "h"),
                    body: Array(body.utf8))
            }
            _ = try await store.events.accept(
                Envelope(rejections: [
                    rejection("{\"user\":\"person-1\"}"), rejection("no json: PERSON-1"),
                    rejection("{}", "person-1"), rejection("{\"user\":\"person-12\"}"),
                ]), from: "backend")
            let keys = try await store.engine.beginForgetting("person-1")
            try expect(
                try await store.engine.eraseRejected(keys, after: 0).removed == 3, "three of four")
            let left = try store.log.rejected(limit: 9).map(\.body)
            try expect(left == [Array("{\"user\":\"person-12\"}".utf8)], "another's stays")
            // Three characters stand in many a message id.
            _ = try await store.events.accept(
                Envelope(rejections: [rejection("{}", "m-123")]), from: "backend")
            let short = try await store.engine.beginForgetting("123")
            try expect(
                try await store.engine.eraseRejected(short, after: 0).removed == 0,
                "it names nobody")
        },
        StoreContract("removes the last error of a destination that names the person") { store in
            _ = try await store.accept([try Fixtures.track(user: "person-1")])
            let next = Outcome.Next.failed(.refused, detail: nil)
            store.end(store.handedOver[0], next, note: "no such user: Person-1")
            store.clock.advance(by: .milliseconds(1_000))
            _ = try await store.accept([try Fixtures.track(user: "2")])
            try expect(try store.log.destinations()[0].lastError != nil, "it was shown")
            let keys = try await store.engine.beginForgetting("person-1")
            _ = try await store.engine.eraseRejected(keys, after: 0)
            try expect(try store.log.destinations()[0].lastError == nil, "it is gone")
        },
        StoreContract("drops an error that names the person before it is shown") { store in
            _ = try await store.accept([try Fixtures.track(user: "person-1")])
            let keys = try await store.engine.beginForgetting("person-1")
            let next = Outcome.Next.failed(.refused, detail: nil)
            // What people see is written twice a second; the clock stands.
            store.end(store.handedOver[0], next, note: "no such user: Person-1")
            _ = try await store.engine.eraseRejected(keys, after: 0)
            store.clock.advance(by: .milliseconds(1_000))
            _ = try await store.accept([try Fixtures.track(user: "2")])
            try expect(try store.log.destinations()[0].lastError == nil, "it is not shown")
        },
    ]
}
