import Events
import SluiceTesting
import Testing

@testable import Deliver

/// A pipeline with one destination whose blueprint can change.
private final class StandIn: Targets, Target {
    let revision = Locked("r1")

    func target(_ name: String) -> (any Target)? { name == "vero" ? self : nil }

    func requests(
        for job: Job
    ) -> Result<(requests: [MappedRequest], revision: String), BuildFault> {
        job.event.userID == "nobody"
            ? .failure(BuildFault(reason: .mapping, detail: "data.n"))
            : .success(([Fixtures.request], revision.withLock { $0 }))
    }

    func outgoing(_ request: MappedRequest, for event: Event, at now: Timestamp) -> OutgoingRequest
    {
        OutgoingRequest(method: request.method, url: "", headers: [], body: [])
    }

    func answerRules(for request: String) -> [AnswerRule] { [] }
    func mask(_ text: String) -> String { text }
}

@Suite struct `What the store hands over` {
    private let pipeline = StandIn()

    private func job(
        _ number: Int64, to destination: String = "vero", user: String = "7",
        content: Job.Content = .unbuilt
    ) throws -> Job {
        Job(
            id: DeliveryID(event: EventID(number: number), destination: destination), run: 1,
            attempt: 1, tries: 0, step: 0, event: try Fixtures.track(user: user),
            identity: .nobody, content: content, revision: "planned", decidedAt: 0)
    }

    private func building(_ job: Job) throws -> Job {
        guard case .handedOver(let jobs)? = pipeline.building([.handedOver([job])]).first else {
            throw TestFailure("no jobs")
        }
        return jobs[0]
    }

    @Test func `gets its requests, and the revision they come from`() throws {
        let built = try building(try job(1))
        #expect(built.requests == [Fixtures.request] && built.pinsRequests)
        #expect(built.revision == "r1")
    }

    @Test func `keeps the requests it has`() throws {
        let kept = Job.Content.built([Fixtures.request], isNew: false)
        let built = try building(try job(1, content: kept))
        #expect(!built.pinsRequests && built.revision == "planned")
    }

    @Test(arguments: [("vero", Reason.mapping), ("gone", .dropped)])
    func `gets the reason why there is no request`(name: String, reason: Reason) throws {
        let built = try building(try job(1, to: name, user: "nobody"))
        guard case .failure(let fault) = built.request else {
            Issue.record("it has a request")
            return
        }
        #expect(fault.reason == reason && built.requests.isEmpty)
    }

    @Test func `comes out in the order in which it went in, each marked while it is built`()
        async throws
    {
        let marked = Locked<[Int64?]>([])
        let output = Locked<[DeliveryMachine.Input]>([])
        let builder = Builder(targets: pipeline) { id in
            marked.withLock { $0.append(id?.event.number) }
        } output: { inputs in
            output.withLock { $0 += inputs }
        }
        builder.post(.news([.handedOver([try job(1)]), .storeFails(false)]))
        builder.post(.limits([:], held: [:]))
        builder.post(
            .news([
                .claimed(destination: "vero", jobs: [try job(2)], limit: 9, nextDue: nil)
            ]))
        builder.post(.drain)
        let inputs = try await eventually("all of it to come out") {
            output.withLock { $0.count == 4 ? $0 : nil }
        }
        guard case .news(let first) = inputs[0], case .handedOver(let fresh) = first[0],
            case .storeFails = first[1], case .limits = inputs[1],
            case .news(let second) = inputs[2],
            case .claimed(_, let claimed, 9, nil) = second[0], case .drain = inputs[3]
        else {
            Issue.record("another order: \(inputs)")
            return
        }
        #expect((fresh + claimed).map(\.requests.count) == [1, 1])
        #expect(marked.withLock { $0 } == [1, nil, 2, nil])
        builder.close()
    }
}
