/// The function that libFuzzer calls with every input it makes up: half of it is a blueprint, half an event; the
/// blueprint is refused with a place, or makes of the event a request that is JSON.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzBlueprint(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: start, count: count))
    let halves = bytes.split(separator: 0x1E, maxSplits: 1, omittingEmptySubsequences: false)
    guard halves.count == 2, let text = try? JSONReader.readRepairing(Array(halves[1])) else {
        return 0
    }
    let moment = Timestamp(milliseconds: 1_780_740_000_000)
    let event = Event(
        source: "s", trusted: true, type: .track, name: text.document.root["event"]?.string,
        messageID: "m", userID: "u", timestamp: moment, receivedAt: moment,
        document: text.document)
    let input = MapInput(
        event: event, identity: .nobody,
        parameters: ParameterValues(plain: ["url": "https://x/"], secret: ["auth_token"]),
        vendorName: "E")
    do {
        let blueprint = try Blueprint.read(file: "b.json", bytes: Array(halves[0]))
        for preset in blueprint.presets.values {
            guard let plan = preset.plan(for: event) else { continue }
            _ = plan.trace(input)
            for step in plan.steps {
                guard let request = try? step.build(input) else { continue }
                precondition(
                    request.encoding == .form || (try? JSONReader.read(request.body.bytes)) != nil,
                    "a body is JSON")
            }
        }
    } catch {
        precondition(error.all.allSatisfy { $0.line >= 1 && $0.column >= 1 }, "a fault has a place")
    }
    if let source = try? SourceBlueprint.read(file: "s.json", bytes: Array(halves[0])),
        let webhook = MapInput(
            webhook: text.document.root, headers: [:], source: "s", at: moment)
    {
        let kind = source.kind(of: webhook)
        _ = try? source.plan(for: kind).build(webhook, kind: kind)
    }
    return 0
}
