import Deliver
import Events
import JSON
import SluiceTesting
import Testing

@testable import Store

/// The end of an attempt, and what it makes of the delivery's row.
@Suite struct `The change that an outcome makes` {
    private let now = ManualClock().now

    private func job(run: Int = 1, tries: Int = 0, step: Int = 0) throws -> Job {
        let event = try Fixtures.track(user: "1").accepted(as: EventID(number: 5))
        return Job(
            id: DeliveryID(event: event.id, destination: "vero"), run: run, attempt: tries + 1,
            tries: tries, step: step, event: event,
            identity: Identity(
                userID: "1", email: nil, anonymousID: nil, emailState: .fine,
                lane: LaneKey(number: 1)),
            content: .built([Fixtures.request, Fixtures.request], by: nil), revision: "r",
            decidedAt: 1)
    }

    private func change(_ next: Outcome.Next, of job: Job, status: Int? = 503) -> DeliveryChange {
        let attempt = Attempt(
            run: job.run, number: job.attempt, step: job.step, startedAt: now, status: status,
            answerClass: .transient)
        return DeliveryChange(
            Outcome(
                job: job, attempt: attempt, next: next, hint: nil, fix: nil, endedAt: now))
    }

    @Test func `of a success ends the delivery and counts the try`() throws {
        let change = change(.delivered, of: try job(tries: 2), status: 200)
        #expect(change.state == .delivered && change.endedAt == now && change.tries == 3)
        #expect(change.status == 200 && change.dueAt == nil)
        #expect(change.laneStep(run: 1) == .leaves)
    }

    @Test func `of a step opens the next one, with a schedule that begins anew`() throws {
        let change = change(.nextStep, of: try job(tries: 2), status: 200)
        #expect(change.state == .sending && change.step == 1 && change.tries == 0)
        #expect(change.attempt == 4 && change.openedAt == now && change.endedAt == nil)
        #expect(change.laneStep(run: 1) == .stays)
    }

    @Test func `of a retry keeps the lane, or lets the rest pass`() throws {
        let due = now + .seconds(3)
        let held = change(.retry(due: due, leavesLane: false), of: try job())
        #expect(held.state == .retrying && held.dueAt == due && held.tries == 1)
        #expect(held.laneStep(run: 1) == .waitsInStore)
        let passed = change(.retry(due: due, leavesLane: true), of: try job())
        #expect(passed.passes && passed.laneStep(run: 1) == .isPassed)
    }

    @Test func `of a fault of the destination does not count as a try`() throws {
        let first = change(.requeue, of: try job())
        #expect(first.state == .queued && first.tries == 0 && first.dueAt == now)
        #expect(first.laneStep(run: 1) == .waitsInMemory)
        #expect(first.laneStep(run: 2) == .waitsInStore, "a replay has a due time")
        let later = change(.requeue, of: try job(tries: 2))
        #expect(later.state == .retrying && later.tries == 2)
        #expect(later.laneStep(run: 1) == .waitsInStore)
    }

    @Test func `of a refusal names the reason, and of the last try that all are used up`() throws {
        let refused = change(.failed(.refused, detail: "no"), of: try job(), status: 400)
        #expect(refused.state == .failed && refused.reason == .refused && refused.detail == "no")
        let expired = change(.expired, of: try job(tries: 12))
        #expect(expired.state == .expired && expired.reason == .exhausted)
        #expect(expired.detail == nil && expired.laneStep(run: 1) == .leaves)
    }
}
