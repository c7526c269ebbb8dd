import Accept
package import Consent
package import Events
package import Identify
import JSON
package import Map
import Request

/// Runs the tests that stand inside a blueprint, through the real stages.
package enum BlueprintTestRun {
    /// Runs one test and says what is wrong; nil when everything came out as expected.
    package static func failure(of test: BlueprintTest, in blueprint: Blueprint) -> String? {
        guard let preset = blueprint.presets[test.preset] else { return "no such preset" }
        // A secret without a value of its own shows as {name}, so that tests can expect it.
        var parameters = test.parameters
        for parameter in blueprint.parameters where parameter.isRequired {
            let key =
                parameter.isPerEvent
                ? ParameterValues.key(parameter.name, event: "*") : parameter.name
            parameters[key] = parameters[key] ?? "{\(parameter.name)}"
        }
        let destination = Destination(
            name: blueprint.name, blueprint: blueprint, preset: preset, parameters: parameters,
            consent: nil, limits: DeliveryLimits())
        let pipeline = Pipeline(destinations: [destination])
        var people = MemoryPeople()
        do {
            for earlier in test.before {
                _ = try pipeline.decide(try event(earlier), in: &people)
            }
            let event = try event(test.given)
            let decision = try pipeline.decide(event, in: &people)
            if let reason = decision.deliveries[0].reason {
                return compare(reason, decision.deliveries[0].detail, with: test.expect)
            }
            let requests = try destination.builder.requests(
                for: event, of: decision.identity, carried: decision.deliveries[0].plan)
            return compare(requests, of: destination.builder, with: test.expect)
        } catch let fault as RequestFault {
            return compare(fault.reason, fault.detail, with: test.expect)
        } catch let problem as Problem {
            return "  the event cannot be used: \(problem.message)"
        } catch {
            return "  \(error)"
        }
    }

    private static func event(_ value: JSONValue) throws(Problem) -> Event {
        // Examples bear dates of their own, long before or after the moment of the test.
        var limits = AcceptLimits()
        limits.timeAhead = .days(36_525)
        let acceptor = Acceptor(limits: limits)
        let envelope = try acceptor.single(
            try acceptor.read(Array(value.raw)), type: nil,
            from: EventSource(name: "test", trusted: true),
            at: Timestamp(milliseconds: 1_767_225_600_000))
        if let rejection = envelope.rejections.first { throw rejection.problem }
        let event = envelope.events[0].event
        return event.accepted(as: EventID(first: event.receivedAt))
    }

    private static func compare(
        _ reason: Reason, _ detail: String?, with expected: BlueprintTest.Expectation
    ) -> String? {
        if case .reason(reason) = expected { return nil }
        let text = detail.map { " (\($0))" } ?? ""
        return "  expected \(describe(expected))\n  came out: \(reason.rawValue)\(text)"
    }

    private static func compare(
        _ requests: [MappedRequest], of builder: RequestBuilder,
        with expected: BlueprintTest.Expectation
    ) -> String? {
        let bodies = requests.map { request in
            (request.name, request.body.revealed(builder.secrets.json))
        }
        if case .requests(let wanted) = expected, wanted.count == bodies.count,
            zip(wanted, bodies).allSatisfy({ wanted, came in
                wanted.name == came.0 && isEqual(came.1, wanted.body)
            })
        {
            return nil
        }
        let came = bodies.map { "\($0.0) \(String(decoding: $0.1, as: UTF8.self))" }
        return "  expected \(describe(expected))\n  came out: \(came.joined(separator: ", then "))"
    }

    /// A JSON body by value; a form, which is no JSON, by its text.
    private static func isEqual(_ came: [UInt8], _ wanted: JSONValue) -> Bool {
        if let text = wanted.string { return text == String(decoding: came, as: UTF8.self) }
        return (try? JSONReader.read(came))?.root.equals(wanted) == true
    }

    private static func describe(_ expected: BlueprintTest.Expectation) -> String {
        switch expected {
        case .reason(let reason): reason.rawValue
        case .requests(let requests):
            requests.map { "\($0.name) \(String(decoding: $0.body.raw, as: UTF8.self))" }
                .joined(separator: ", then ")
        }
    }
}

/// Identities and consent in memory, for trying events without a store.
package struct MemoryPeople: IdentityStore, ConsentStore {
    private var identities: [IdentityKey: IdentityRecord] = [:]
    private var standings: [IdentityKey: Standing] = [:]

    package init() {}

    /// The stored facts of an identifier.
    package func identity(_ key: IdentityKey) -> IdentityRecord? { identities[key] }

    /// Stores facts of an identifier.
    package mutating func save(_ record: IdentityRecord, for key: IdentityKey) {
        identities[key] = record
    }

    /// A lane for an identifier that has none yet.
    package func ownLane(of key: IdentityKey) -> LaneKey {
        // FNV-1a: stable, and good enough where nothing is indexed by it.
        let hash = "\(key.kind.rawValue):\(key.value)".utf8.reduce(
            UInt64(14_695_981_039_346_656_037)
        ) {
            ($0 ^ UInt64($1)) &* 1_099_511_628_211
        }
        return LaneKey(number: Int64(bitPattern: hash))
    }

    /// The stored consent of an identifier.
    package func standing(_ key: IdentityKey) -> Standing? { standings[key] }

    /// Stores consent of an identifier.
    package mutating func save(_ standing: Standing, for key: IdentityKey) {
        standings[key] = standing
    }
}
