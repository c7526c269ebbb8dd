import Accept
import Consent
import Deliver
import Events
import JSON
import Log
import Pipeline
import Store

/// Promises about deliveries: lanes, attempts, retries, crashes, consent at the last moment.
extension StoreContract {
    static let delivering: [StoreContract] = [
        StoreContract("hands a fresh delivery over with attempt 1 open") { store in
            let receipt = try await store.accept([try Fixtures.track(user: "1")])[0]
            let jobs = store.handedOver
            try expect(jobs.map(\.id.event) == [receipt.id], "one job for the event")
            try expect(jobs[0].attempt == 1 && jobs[0].tries == 0, "its first attempt")
            try expect(try store.row(receipt.id).state == .sending, "it reads sending")
        },
        StoreContract("keeps what has no room in memory, due at once") { store in
            let events = try (0..<3).map { try Fixtures.track(user: "\($0)") }
            let receipts = try await store.accept(events)
            try expect(store.handedOver.count == 2, "two fit")
            let jobs = try store.claim()
            try expect(jobs.map(\.id.event) == [receipts[2].id], "the third is claimed")
        },
        StoreContract("sends one delivery of a lane at a time, in accept order") { store in
            let receipts = try await store.accept(
                try (0..<3).map { _ in try Fixtures.track(user: "1") })
            try expect(store.handedOver.count == 1, "only the first is handed over")
            try expect(try store.claim().isEmpty, "the others are not due")
            store.end(store.handedOver[0], .delivered)
            let second = try store.claim()
            try expect(second.map(\.id.event) == [receipts[1].id], "then the second")
            store.end(
                second[0], .retry(due: store.clock.now + .milliseconds(3_000), leavesLane: false))
            try expect(try store.claim().isEmpty, "a retry holds its lane")
            store.clock.advance(by: .milliseconds(3_000))
            let again = try store.claim()
            try expect(again.map(\.id.event) == [receipts[1].id], "the second again")
            try expect(again[0].attempt == 2 && again[0].tries == 1, "as its second attempt")
            store.end(again[0], .delivered)
            try expect(try store.claim().map(\.id.event) == [receipts[2].id], "then the third")
        },
        StoreContract("gives a probe only what is due, the oldest first") { store in
            let receipts = try await store.accept(
                try (0..<3).map { try Fixtures.track(user: "\($0)") })
            let jobs = store.handedOver
            store.end(
                jobs[0], .retry(due: store.clock.now + .milliseconds(3_000), leavesLane: false))
            store.end(jobs[1], .requeue)
            store.submit([.claim(destination: "vero", limit: 1, oldest: true)])
            try expect(try store.row(receipts[0].id).state == .retrying, "not before it is due")
            try expect(try store.row(receipts[1].id).state == .sending, "the oldest that is due")
        },
        StoreContract("lets the rest pass a retry that leaves its lane, and marks them") { store in
            let receipts = try await store.accept(
                try (0..<2).map { _ in try Fixtures.track(user: "1") })
            let due = store.clock.now + .milliseconds(3_600_000)
            store.end(store.handedOver[0], .retry(due: due, leavesLane: true))
            try expect(try store.claim().map(\.id.event) == [receipts[1].id], "the second passes")
            try expect(try store.row(receipts[1].id).outOfOrder, "and is marked")
            store.end(try require(store.jobs.last, "its job"), .delivered)
            let fresh = try await store.accept([try Fixtures.track(user: "1")])[0].id
            try expect(try store.row(fresh).state == .sending, "a fresh one passes too")
            try expect(try store.row(fresh).outOfOrder, "and is marked")
        },
        StoreContract("starts nothing when one that was passed ends before the rest") { store in
            let receipts = try await store.accept(
                try (0..<3).map { _ in try Fixtures.track(user: "1") })
            let due = store.clock.now + .seconds(3)
            store.end(store.handedOver[0], .retry(due: due, leavesLane: true))
            try expect(try store.claim().map(\.id.event) == [receipts[1].id], "the second passes")
            store.clock.advance(by: .seconds(3))
            let passed = try store.claim()
            try expect(passed.map(\.id.event) == [receipts[0].id], "the first again")
            store.end(passed[0], .delivered)
            try expect(try store.claim().isEmpty, "the second is on its way, and not sent twice")
        },
        StoreContract("knows after a crash which delivery the rest of its lane may pass") { store in
            let receipts = try await store.accept(
                try (0..<2).map { _ in try Fixtures.track(user: "1") })
            let due = store.clock.now + .seconds(3)
            store.end(store.handedOver[0], .retry(due: due, leavesLane: true))
            store.end(try store.claim()[0], .delivered)
            let after = try store.reopened()
            let fresh = try await after.accept([try Fixtures.track(user: "1")])[0].id
            try expect(try after.row(fresh).state == .sending, "a fresh one passes")
            try expect(try after.row(fresh).outOfOrder, "and is marked")
            try expect(try after.row(receipts[0].id).state == .retrying, "the first waits")
        },
        StoreContract(
            "knows after a crash what waits, and in which order",
            setUp: { $0.room = [:] }
        ) { store in
            let receipts = try await store.accept(
                try (0..<6).map { try Fixtures.track(user: "\($0 % 3)") })
            let after = try store.reopened()
            let heads = try after.claim()
            try expect(heads.map(\.id.event) == receipts.prefix(3).map(\.id), "the heads")
            for job in heads { after.end(job, .delivered) }
            let rest = try after.claim()
            try expect(rest.map(\.id.event) == receipts.suffix(3).map(\.id), "then the rest")
        },
        StoreContract("shows after a while which delivery waits behind no other") { store in
            let receipts = try await store.accept(
                try (0..<3).map { _ in try Fixtures.track(user: "1") })
            try expect(try store.row(receipts[1].id).dueAt == nil, "it stands behind the first")
            store.end(store.handedOver[0], .delivered)
            store.clock.advance(by: .seconds(3))
            _ = try await store.accept([try Fixtures.track(user: "2")])
            try expect(try store.row(receipts[1].id).dueAt != nil, "it is the head")
            try expect(try store.row(receipts[2].id).dueAt == nil, "the third stands behind it")
        },
        StoreContract("gives a probe the oldest of all, due or ready") { store in
            let receipts = try await store.accept(
                try (0..<4).map { try Fixtures.track(user: "\($0)") })
            let jobs = store.handedOver
            let (early, late) = (store.clock.now + .seconds(1), store.clock.now + .seconds(2))
            store.end(jobs[0], .retry(due: late, leavesLane: false))
            store.end(jobs[1], .retry(due: early, leavesLane: false))
            store.clock.advance(by: .seconds(2))
            for receipt in receipts {
                let probe = try store.claim(upTo: 1, oldest: true)
                try expect(probe.map(\.id.event) == [receipt.id], "\(receipt.id.text) is next")
            }
        },
        StoreContract(
            "claims what is due and what is ready by halves",
            setUp: { $0.room = ["vero": 4] }
        ) { store in
            let receipts = try await store.accept(
                try (0..<8).map { try Fixtures.track(user: "\($0)") })
            for job in store.handedOver {
                store.end(job, .retry(due: store.clock.now, leavesLane: false))
            }
            let claimed = try store.claim(upTo: 4).map(\.id.event)
            try expect(
                claimed == [0, 1, 4, 5].map { receipts[$0].id }, "neither waits for the other")
        },
        StoreContract("claims a retry that was given back once") { store in
            _ = try await store.accept([try Fixtures.track(user: "1")])
            store.end(store.handedOver[0], .retry(due: store.clock.now, leavesLane: false))
            store.submit([.giveBack(try store.claim())])
            try expect(try store.claim().map(\.attempt) == [2], "it is attempt 2 again")
            try expect(try store.claim().isEmpty, "and is on its way")
        },
        StoreContract("reads \"may have been sent\" after a crash and tries again") { store in
            let receipt = try await store.accept([try Fixtures.track(user: "1")])[0]
            let after = try store.reopened()
            let id = DeliveryID(event: receipt.id, destination: "vero")
            let detail = try require(try after.log.detail(id), "the delivery")
            try expect(detail.attempts.map(\.attempt.answerClass) == [.unknown], "one unknown")
            let jobs = try after.claim()
            try expect(jobs.map(\.attempt) == [2], "it is tried again as attempt 2")
            try expect(jobs[0].event.messageID == receipt.messageID, "with the same message id")
        },
        StoreContract("pins the requests at the first try") { store in
            let receipt = try await store.accept([try Fixtures.track(user: "1")])[0]
            let body = MaskedText(
                Array("{\"t\":\"***\"}".utf8), secrets: [.init(offset: 6, parameter: "auth_token")])
            let job = store.handedOver[0].with(
                .built(
                    [
                        MappedRequest(
                            name: "track", method: "POST",
                            url: MaskedText(Array("https://x".utf8)), body: body)
                    ], by: try Fixtures.builder("r")))
            store.end(job, .retry(due: store.clock.now, leavesLane: false))
            try expect(try store.claim()[0].requests == job.requests, "the same requests")
            let id = DeliveryID(event: receipt.id, destination: "vero")
            let detail = try require(try store.log.detail(id), "the delivery")
            try expect(detail.requests[0].body.text == "{\"t\":\"***\"}", "shown masked")
        },
        StoreContract("records what many attempts came to, each by itself") { store in
            let receipts = try await store.accept(
                try (0..<40).map { try Fixtures.track(user: "\($0)") })
            let retry = Outcome.Next.retry(
                due: store.clock.now + .milliseconds(3_000), leavesLane: false)
            let jobs = store.handedOver + (try store.claim(upTo: 40))
            let ends = jobs.sorted { $0.id.event < $1.id.event }.enumerated().map { index, job in
                let isRetried = index % 10 == 9
                return job.ended(
                    isRetried ? retry : .delivered, at: store.clock.now,
                    status: isRetried ? 503 : index % 3 == 0 ? 202 : 200)
            }
            // One of them comes twice.
            store.submit(ends + [ends[0]])
            for (index, receipt) in receipts.enumerated() {
                let row = try store.row(receipt.id)
                let isRetried = index % 10 == 9
                try expect(
                    row.state == (isRetried ? .retrying : .delivered)
                        && row.status == (isRetried ? 503 : index % 3 == 0 ? 202 : 200),
                    "the end of attempt \(index), not \(row.state), \(row.status ?? 0)")
                let id = DeliveryID(event: receipt.id, destination: "vero")
                try expect(try store.log.detail(id)?.attempts.count == 1, "one attempt")
            }
        },
        StoreContract("counts no try for a fault of the destination") { store in
            _ = try await store.accept([try Fixtures.track(user: "1")])
            store.end(store.handedOver[0], .requeue)
            let jobs = try store.claim()
            try expect(jobs.map(\.attempt) == [2] && jobs.map(\.tries) == [0], "no try so far")
            store.end(jobs[0], .retry(due: store.clock.now, leavesLane: false))
            try expect(try store.claim().map(\.tries) == [1], "one")
        },
        StoreContract("undoes the attempt of a delivery that is given back") { store in
            _ = try await store.accept([try Fixtures.track(user: "1")])
            store.submit([.giveBack(store.handedOver)])
            let jobs = try store.claim()
            try expect(jobs.map(\.attempt) == [1], "it is attempt 1 again")
        },
        StoreContract("filters what waits when consent is withdrawn meanwhile") { store in
            let receipts = try await store.accept(
                try (0..<2).map { _ in try Fixtures.track(user: "1") })
            let denial = try Fixtures.accepted(
                """
                {"type":"identify","userId":"1","traits":{},"timestamp":"2026-06-06T10:00:01Z",
                 "context":{"consent":{"canonical":{"marketing":false}}}}
                """, at: store.clock.now + .milliseconds(2_000))
            _ = try await store.accept([denial])
            try expect(store.changedConsent.contains(IdentityKey(.user, "1")), "it is told")
            store.end(store.handedOver[0], .delivered)
            try expect(try store.claim().isEmpty, "nothing is claimed")
            let row = try store.row(receipts[1].id)
            try expect(row.state == .filtered && row.reason == .consent, "filtered/consent")
            try expect(row.consent?.answer == "denied", "with the answer that decided")
        },
        StoreContract("records a hold and its release") { store in
            _ = try await store.accept([try Fixtures.track(user: "1")])
            let hold = Hold(
                since: store.clock.now, status: 401, hint: "wrong token", fix: "copy it",
                delivery: "dlv")
            store.end(store.handedOver[0], .requeue)
            store.submit([.hold(destination: "vero", hold)])
            try expect(try store.log.destinations()[0].hold == hold, "it is held")
            try expect(try store.log.destinations()[0].waiting == 1, "one waits")
            store.submit([.release(destination: "vero", byOperator: false)])
            try expect(try store.log.destinations()[0].hold == nil, "it is released")
        },
    ]
}
