import Consent
import Events
import Log
import SluiceTesting
import Testing

@Suite struct `A delivery in words` {
    @Test func `says when it was delivered, on which attempt, and what was answered`() {
        let row = delivery(.delivered) { row in
            (row.endedAt, row.attempt, row.status) = (noon, 3, 202)
            row.detail = "to the stand-in"
        }
        #expect(
            row.sentence(at: noon)
                == "Delivered to vero at 2026-06-06T12:00:00.000Z on attempt 3; "
                + "it answered with 202 (to the stand-in).")
        let first = delivery(.delivered) { $0.attempt = 1 }
        #expect(first.sentence(at: noon) == "Delivered to vero; it answered.")
        #expect(first.advice == nil)
    }

    @Test func `says why it was not sent`() {
        let filtered = delivery(.filtered) { row in
            row.reason = .consent
            row.detail = "marketing was denied"
        }
        #expect(
            filtered.sentence(at: noon)
                == "Not sent to vero: the consent this destination needs was not given "
                + "(marketing was denied).")
        #expect(filtered.advice == Reason.consent.hint)
        #expect(
            delivery(.failed) { $0.reason = .refused }.sentence(at: noon)
                == "Failed at vero: the destination refused this event.")
        #expect(delivery(.failed).sentence(at: noon) == "Failed at vero: no reason was recorded.")
        #expect(
            delivery(.cancelled) { $0.reason = .dropped }.sentence(at: noon)
                == "Cancelled for vero: an operator dropped it.")
        #expect(
            delivery(.expired) { $0.attempt = 12 }.sentence(at: noon)
                == "Given up for vero after 12 attempts.")
    }

    @Test func `says what it waits for, and no time that has passed`() {
        #expect(
            delivery(.queued).sentence(at: noon)
                == "Waits for vero behind an earlier event of the same person.")
        #expect(
            delivery(.queued) { $0.dueAt = noon }.sentence(at: noon)
                == "Waits for its turn at vero.")
        let retrying = delivery(.retrying) { ($0.dueAt, $0.attempt) = (noon, 2) }
        #expect(
            retrying.sentence(at: noon - .seconds(40))
                == "Attempt 2 at vero failed; the next one is due at "
                + "2026-06-06T12:00:00.000Z (in 40 s).")
        #expect(
            retrying.sentence(at: noon)
                == "Attempt 2 at vero failed; the next one follows as soon as a place is free.")
    }

    @Test func `is not said to be sent when only its attempt is open`() {
        let open = "Attempt 1 to vero is open: it waits for a place or for the answer."
        let row = delivery(.sending) { $0.attempt = 1 }
        #expect(row.sentence(at: noon) == open)
        let pausing = delivery(.sending) {
            ($0.attempt, $0.standing) = (1, .pausing(until: noon + .seconds(30)))
        }
        #expect(
            pausing.sentence(at: noon)
                == open + " vero asked for a pause. It is sent to again at "
                + "2026-06-06T12:00:30.000Z (in 30 s). "
                + "What waits is kept in order; nothing is lost.")
    }

    @Test func `is held while its destination is, unless it has ended or is under way`() {
        let waiting = delivery(.queued) {
            ($0.standing, $0.host) = (.held(hold), "api.example.com")
        }
        #expect(waiting.shownState == "held")
        #expect(
            waiting.sentence(at: noon + .minutes(3))
                == "Waits: vero (api.example.com) is held since 2026-06-06T12:00:00.000Z "
                + "(3 min ago): The token is wrong. One delivery is tried every 15 minutes, "
                + "and when it is released. What waits is kept in order; nothing is lost.")
        #expect(waiting.advice == "Copy it again. Then: sluice destination release vero")
        #expect(delivery(.sending) { $0.standing = .held(hold) }.shownState == "sending")
        let ended = delivery(.delivered) { $0.standing = .held(hold) }
        #expect(ended.shownState == "delivered" && ended.advice == nil)
    }

    @Test func `says so when its destination is gone, off or resting`() {
        func words(_ standing: DestinationStanding) -> String {
            delivery(.retrying) { ($0.standing, $0.dueAt) = (standing, noon) }.sentence(at: noon)
        }
        #expect(words(.gone).hasPrefix("Waits: vero is gone from the pipeline."))
        #expect(words(.off).hasPrefix("Waits: vero is switched off in the pipeline."))
        let resting = words(.resting(since: noon, until: noon, why: "It times out"))
        #expect(
            resting
                == "Waits: vero does not answer and rests since 2026-06-06T12:00:00.000Z "
                + "(just now): It times out. One delivery is tried at once. "
                + "What waits is kept in order; nothing is lost.")
    }

    @Test func `says what consent was read where`() {
        let row = delivery(.filtered) { row in
            row.consent = ConsentRecord(
                category: "marketing", answer: "denied", origin: "context.consent", at: noon,
                rule: "needs marketing")
        }
        #expect(
            row.consentSentence
                == "Consent: marketing was denied in context.consent (2026-06-06T12:00:00.000Z); "
                + "the destination needs marketing.")
        #expect(delivery(.filtered).consentSentence == nil)
    }
}

@Suite struct `An attempt in words` {
    private func sentence(_ answer: AnswerClass?, status: Int?, note: String? = nil) -> String {
        AttemptRow(
            attempt: Attempt(
                run: 1, number: 2, step: 0, startedAt: noon, duration: 15, status: status,
                answerClass: answer, note: note), hint: nil, fix: nil
        ).sentence
    }

    @Test func `says what was answered and what that means`() {
        let start = "Attempt 2 at 2026-06-06T12:00:00.000Z: "
        #expect(sentence(.delivered, status: 200) == start + "200 after 15 ms (delivered).")
        #expect(
            sentence(.invalid, status: nil, note: "a filter left it out")
                == "Attempt 2 at 2026-06-06T12:00:00.000Z: nothing was sent, "
                + "because there was no request: a filter left it out.")
        #expect(sentence(.invalid, status: 400) == start + "400 after 15 ms (refused for good).")
        #expect(
            sentence(.transient, status: nil, note: "The host is unknown.")
                == start + "no answer after 15 ms (tried again on schedule). The host is unknown.")
        #expect(
            sentence(.unknown, status: nil)
                == start + "no answer was recorded (may have been sent; tried again).")
        #expect(sentence(nil, status: nil) == start + "no answer was recorded.")
    }
}

@Suite struct `The advice about an attempt` {
    private func fixes(_ state: DeliveryState, last: String) throws -> [String?] {
        var detail = try detail(delivery(state))
        detail.attempts = [1, 2].map { number in
            AttemptRow(
                attempt: Attempt(run: 1, number: number, step: 0, startedAt: noon), hint: nil,
                fix: number == 1 ? "Check the address." : last)
        }
        return detail.attempts.map { detail.fix(of: $0) }
    }

    @Test func `is that of the last one, while it can be followed`() throws {
        #expect(try fixes(.retrying, last: "Wait.") == [nil, "Wait."])
        #expect(try fixes(.failed, last: "Read the answer.") == [nil, "Read the answer."])
        #expect(try fixes(.delivered, last: "Read the answer.") == [nil, nil])
    }

    @Test func `promises no other try once nothing is tried any more`() throws {
        let waiting = "Nothing to do: it is tried again on schedule."
        #expect(try fixes(.retrying, last: waiting) == [nil, waiting])
        #expect(try fixes(.expired, last: waiting) == [nil, nil])
    }
}

@Suite struct `What is stored about a person in words` {
    @Test func `says each answer and each suppression, lifted or not`() {
        let standing = Standing(
            answers: [
                ConsentAnswer(category: "marketing", granted: true, at: noon, origin: "identify"),
                ConsentAnswer(category: "analytics", granted: false, at: noon, origin: "a page"),
            ],
            suppressions: [
                Suppression(cause: "hard_bounce", at: noon, origin: "Vero"),
                Suppression(cause: "unsubscribed", at: noon, origin: "Vero", liftedAt: noon),
                Suppression(
                    cause: "complained", at: noon, origin: "Vero",
                    liftedAt: noon + .milliseconds(1_000)),
            ])
        let moment = "2026-06-06T12:00:00.000Z"
        let stored = StoredStanding(
            keys: [IdentityKey(.user, "1"), IdentityKey(.email, "a@b.co")], standing: standing)
        let who = "Stored for user 1, email a@b.co"
        #expect(
            stored.sentences == [
                "\(who): marketing granted on \(moment), by identify.",
                "\(who): analytics denied on \(moment), by a page. A later yes of the person ends it.",
                "\(who): hard bounce in Vero on \(moment); nothing is sent. "
                    + "A resubscribe lifts it, and sluice consent set ID --lift.",
                "\(who): no unsubscribed from before \(moment) counts, said Vero.",
                "\(who): complained in Vero on \(moment); lifted on 2026-06-06T12:00:01.000Z.",
            ])
    }
}

@Suite struct `An event in words` {
    @Test func `says what was left out or changed on its way in`() throws {
        let event = try Fixtures.accepted(
            "{\"type\":\"track\",\"event\":\"E\",\"userId\":\"1\",\"timestamp\":\"yesterday\"}")
        for (state, words) in [
            (Identity.EmailState.hashed, "looks hashed"), (.invalid, "is not an address"),
            (.untrusted, "came with a browser key"),
        ] {
            let identity = Identity(
                userID: "1", email: nil, anonymousID: nil, emailState: state,
                lane: LaneKey(number: 0))
            let remarks = EventRow(event: event, identity: identity).remarks
            #expect(remarks.count == 2)
            #expect(remarks.first?.contains("timestamp is no date") == true)
            #expect(remarks.last?.contains(words) == true)
        }
        #expect(EventRow(event: event, identity: .nobody).remarks.count == 1)
    }
}

@Suite struct `A destination in words` {
    private var row: DestinationRow {
        DestinationRow(
            name: "vero", isEnabled: true, host: "api.example.com", hold: nil, restingUntil: nil,
            waiting: 0, oldestWaiting: nil, lastDelivered: nil, lastError: nil, lastErrorAt: nil)
    }

    @Test func `is gone before all else, held before it is off, and that before it rests`() {
        var row = row
        #expect(row.state == "open")
        row.restingUntil = noon
        #expect(row.state == "resting")
        row.isEnabled = false
        #expect(row.state == "disabled")
        row.hold = hold
        #expect(row.state == "held")
        row.isGone = true
        #expect(row.state == "gone")
    }

    @Test func `says how much waits, and that nothing is lost while it does not go on`() {
        var row = row
        #expect(row.sentence(at: noon) == "vero (api.example.com) is open.")
        row.waiting = 1_204
        #expect(
            row.sentence(at: noon)
                == "vero (api.example.com) is open. 1204 deliveries wait.")
        row.isEnabled = false
        #expect(
            row.sentence(at: noon)
                == "vero (api.example.com) is switched off in the pipeline. "
                + "It is sent to again when it is switched on. "
                + "1204 deliveries wait in order; nothing is lost.")
        row.isGone = true
        row.waiting = 1
        #expect(
            row.sentence(at: noon)
                == "vero (api.example.com) is gone from the pipeline. "
                + "It is sent to again when it is back. 1 delivery waits; nothing is lost.")
        #expect(row.advice?.hasSuffix("sluice destination drop vero") == true)
        row.waiting = 0
        #expect(row.advice == nil)
    }

    @Test func `says who holds it, and that only an operator lets it go then`() {
        var row = row
        var byOperator = hold
        byOperator.byOperator = true
        byOperator.hint = "maintenance"
        row.hold = byOperator
        #expect(
            row.sentence(at: noon + .hours(3))
                == "vero (api.example.com) is held by an operator since "
                + "2026-06-06T12:00:00.000Z (3 h ago): maintenance. "
                + "Nothing is tried until an operator releases it. Nothing waits.")
    }

    @Test func `says that it refused the last deliveries, though it is open`() {
        let standing = DestinationStanding.refusing(inARow: 20)
        #expect(
            standing.sentence(of: "vero", host: nil, waiting: 2, at: noon)
                == "vero is open, but refused the last 20 deliveries and took none. "
                + "2 deliveries wait.")
        #expect(standing.sends && standing.word == "refusing")
    }

    @Test func `forgets its last error once a good answer came after it`() {
        func error(delivered: Timestamp?) -> String? {
            DestinationRow(
                name: "vero", isEnabled: true, hold: nil, restingUntil: nil, waiting: 0,
                oldestWaiting: nil, lastDelivered: delivered, lastError: "500: down",
                lastErrorAt: noon
            ).lastError
        }
        #expect(error(delivered: nil) == "500: down")
        #expect(error(delivered: noon) == "500: down")
        #expect(error(delivered: noon + .milliseconds(1)) == nil)
    }
}

@Suite struct `Refused calls in words` {
    @Test func `say how many, why, and what the last one was`() {
        let row = RefusalRow(
            source: "site", code: "origin_not_allowed", count: 3, firstAt: noon,
            lastAt: noon + .minutes(1), path: "/v1/track", origin: "https://other.example",
            userAgent: "Mozilla/5.0", keyEnding: nil)
        #expect(
            row.sentence
                == "3 calls to \"site\" were refused: pages of this origin may not send "
                + "(origin_not_allowed).")
        #expect(
            row.lastCall
                == "Since 2026-06-06T12:00:00.000Z. The last one at 2026-06-06T12:01:00.000Z: "
                + "/v1/track, from https://other.example, by Mozilla/5.0.")
    }
}
