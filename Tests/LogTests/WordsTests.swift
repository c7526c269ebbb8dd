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
            row.sentence
                == "Delivered to vero at 2026-06-06T12:00:00.000Z on attempt 3; "
                + "it answered with 202 (to the stand-in).")
        let first = delivery(.delivered) { $0.attempt = 1 }
        #expect(first.sentence == "Delivered to vero; it answered.")
        #expect(first.advice == nil)
    }

    @Test func `says why it was not sent`() {
        let filtered = delivery(.filtered) { row in
            row.reason = .consent
            row.detail = "marketing was denied"
        }
        #expect(
            filtered.sentence
                == "Not sent to vero: the consent this destination needs was not given "
                + "(marketing was denied).")
        #expect(filtered.advice == Reason.consent.hint)
        #expect(
            delivery(.failed) { $0.reason = .refused }.sentence
                == "Failed at vero: the destination refused this event.")
        #expect(delivery(.failed).sentence == "Failed at vero: no reason was recorded.")
        #expect(
            delivery(.cancelled) { $0.reason = .dropped }.sentence
                == "Cancelled for vero: an operator dropped it.")
        #expect(
            delivery(.expired) { $0.attempt = 12 }.sentence
                == "Given up for vero after 12 attempts.")
    }

    @Test func `says what it waits for`() {
        #expect(
            delivery(.queued).sentence
                == "Waits for vero behind an earlier event of the same person.")
        #expect(delivery(.queued) { $0.dueAt = noon }.sentence == "Waits for its turn at vero.")
        let retrying = delivery(.retrying) { ($0.dueAt, $0.attempt) = (noon, 2) }
        #expect(
            retrying.sentence
                == "Attempt 2 at vero failed; the next one is due 2026-06-06T12:00:00.000Z.")
        #expect(
            delivery(.sending) { $0.attempt = 1 }.sentence
                == "Being sent to vero: attempt 1 is open.")
    }

    @Test func `is held while its destination is, unless it has ended or is under way`() {
        let waiting = delivery(.queued) { $0.hold = hold }
        #expect(waiting.shownState == "held")
        #expect(waiting.sentence == "Waits for vero, which is held: The token is wrong.")
        #expect(waiting.advice == "Copy it again. Then: sluice destination release vero")
        #expect(delivery(.sending) { $0.hold = hold }.shownState == "sending")
        let ended = delivery(.delivered) { $0.hold = hold }
        #expect(ended.shownState == "delivered" && ended.advice == nil)
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

@Suite struct `A destination in one word` {
    @Test func `is held before it is switched off, and that before it rests`() {
        var row = DestinationRow(
            name: "vero", isEnabled: true, hold: nil, restingUntil: nil, waiting: 0,
            oldestWaiting: nil, lastDelivered: nil, lastError: nil, lastErrorAt: nil)
        #expect(row.state == "open")
        row.restingUntil = noon
        #expect(row.state == "resting")
        row.isEnabled = false
        #expect(row.state == "disabled")
        row.hold = hold
        #expect(row.state == "held")
    }
}
