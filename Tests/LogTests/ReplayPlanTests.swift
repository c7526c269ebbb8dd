import Events
import Log
import Pipeline
import SluiceTesting
import Testing

@Suite struct `The plan of a replay` {
    private let pipeline: Pipeline

    init() throws { pipeline = Pipeline(destinations: [try Fixtures.destination()]) }

    private func plan(
        _ details: [DeliveryDetail], asWas: Bool = false, onlyChanged: Bool = false,
        later: Duration = .zero
    ) throws -> ReplayPlan {
        try ReplayPlan(
            of: details.map(\.row), in: ListLog(details: details), pipeline: pipeline,
            mode: ReplayPlan.Mode(asWas: asWas, onlyChanged: onlyChanged), at: noon + later)
    }

    @Test func `holds what has ended, and says what comes out differently`() throws {
        let plan = try plan([try detail(delivery(.failed))])
        #expect(plan.going.count == 1 && plan.going.first?.isChanged == true)
        #expect(plan.going.first?.requests.first?.name == "track")
        #expect(plan.unfinished == 0 && plan.unchanged == 0 && plan.refused.isEmpty)
    }

    @Test(arguments: [DeliveryState.queued, .retrying, .sending])
    func `leaves out what is still on its way`(state: DeliveryState) throws {
        let plan = try plan([try detail(delivery(state))])
        #expect(plan.going.isEmpty && plan.unfinished == 1)
    }

    @Test func `says why a delivery cannot be sent again`() throws {
        var gone = delivery(.failed)
        gone.id = DeliveryID(event: EventID(number: 1), destination: "crm")
        #expect(try plan([try detail(gone)]).refused == ["the destination is gone": 1])
        let emptied = try detail(delivery(.failed), isEmptied: true)
        #expect(try plan([emptied]).refused == ["the body was removed": 1])
        let never = try detail(delivery(.filtered), requests: [])
        #expect(try plan([never], asWas: true).refused == ["it never had a request": 1])
    }

    @Test func `sends the old requests byte for byte when asked`() throws {
        let plan = try plan([try detail(delivery(.failed))], asWas: true)
        #expect(plan.going.first?.requests == [oldRequest])
        #expect(plan.going.first?.isChanged == false)
    }

    @Test func `leaves out what comes out the same when only changes are asked for`() throws {
        let old = try detail(delivery(.failed))
        let requests = try #require(try plan([old]).going.first?.requests)
        let plan = try plan([try detail(delivery(.failed), requests: requests)], onlyChanged: true)
        #expect(plan.going.isEmpty && plan.unchanged == 1)
    }

    @Test func `warns of what can appear twice, five minutes after it was received`() throws {
        let delivered = try detail(delivery(.delivered))
        #expect(try plan([delivered], later: .minutes(5)).repeats == 0)
        #expect(try plan([delivered], later: .minutes(6)).repeats == 1)
        #expect(try plan([try detail(delivery(.failed))], later: .hours(1)).repeats == 0)
    }
}
