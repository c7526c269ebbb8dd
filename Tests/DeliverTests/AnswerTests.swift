import Deliver
import Events
import Request
import SluiceTesting
import Testing

@Suite struct `The schedule` {
    private let schedule = Schedule()

    @Test func `spreads thirteen attempts over about 76 hours`() {
        #expect(schedule.delays.count == 13)
        let whole = schedule.delays.reduce(.zero, +)
        #expect(whole > .hours(76) && whole < .hours(77))
    }

    @Test func `waits 3 s before the second attempt, give or take a fifth`() {
        let now = ManualClock().now
        let due = { schedule.next(after: 1, jitter: $0, now: now)?.due }
        #expect(due(0) == now + .milliseconds(2_400))
        #expect((due(0.999) ?? now).since(now) < .milliseconds(3_600))
    }

    @Test func `ends after the last attempt`() {
        #expect(
            schedule.next(after: 13, jitter: 0.5, now: ManualClock().now) == nil)
    }

    @Test func `leaves the lane when the retry would hold it longer than 15 minutes`() {
        let leaves = (1...6).map {
            schedule.next(after: $0, jitter: 0.5, now: ManualClock().now)?
                .leavesLane
        }
        #expect(leaves == [false, false, false, false, true, true])
    }
}

@Suite struct `An answer` {
    private func judge(_ result: TransportResult, missing: Int = 0, rules: [AnswerRule] = [])
        -> Judgement
    {
        Classifier().judge(result, rules: rules, missingBefore: missing)
    }

    @Test(arguments: [
        (200, AnswerClass.delivered), (204, .delivered), (301, .setup), (400, .invalid),
        (401, .setup), (402, .setup), (403, .setup), (404, .transient), (405, .setup),
        (407, .setup), (408, .transient), (409, .transient), (410, .invalid), (413, .invalid),
        (415, .setup), (421, .transient), (422, .invalid), (423, .transient), (424, .transient),
        (425, .transient), (426, .setup), (429, .throttle), (449, .transient), (460, .transient),
        (499, .transient), (500, .transient), (501, .invalid), (503, .transient), (505, .invalid),
    ])
    func `has a class by its status`(status: Int, expected: AnswerClass) {
        #expect(judge(.answer(.init(status: status))).answerClass == expected)
    }

    @Test func `of 404 means a wrong address at the fifth in a row`() {
        #expect(judge(.answer(.init(status: 404)), missing: 3).answerClass == .transient)
        #expect(judge(.answer(.init(status: 404)), missing: 4).answerClass == .setup)
    }

    @Test func `is refined by the blueprint`() {
        let rule = AnswerRule(statuses: [404], answerClass: .invalid, hint: "gone", fix: "look")
        let judgement = judge(.answer(.init(status: 404)), missing: 9, rules: [rule])
        #expect(
            judgement.answerClass == .invalid && judgement.hint == "gone" && judgement.fix == "look"
        )
    }

    @Test func `that never came is tried again, and says when it may have arrived`() {
        let sent = judge(.failure(.init(kind: .timeout, message: "Timeout.", maybeSent: true)))
        #expect(sent.answerClass == .transient && sent.note?.contains("may have arrived") == true)
        let refused = judge(.failure(.init(kind: .connect, message: "Refused.", maybeSent: false)))
        #expect(refused.answerClass == .transient && refused.note == "Refused.")
        let blocked = judge(.failure(.init(kind: .blocked, message: "Private.", maybeSent: false)))
        #expect(blocked.answerClass == .setup)
    }
}
