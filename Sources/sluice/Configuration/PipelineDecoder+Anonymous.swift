import Events
import Pipeline

extension PipelineDecoder {
    /// Events of one anonymous id that wait, when the file does not say how many.
    private static let anonymousEvents = 100

    /// A destination's `anonymous`: how long events wait for their person to become known.
    func anonymous(_ value: ConfigurationValue?) -> AnonymousRule? {
        guard let value else { return nil }
        value.refuseUnknownKeys(["wait", "events"], in: "\"anonymous\"")
        guard let given = value["wait"] else {
            value.report("\"anonymous\" has no \"wait\".", fix: "Write such as \"24h\".")
            return nil
        }
        guard let wait = span(given, "\"wait\"") else { return nil }
        guard wait <= AnonymousRule.longest else {
            given.report("Events can wait for 7 days at the most.", fix: "Write \"7d\" or less.")
            return nil
        }
        let most = AnonymousRule.most
        let events = value["events"]?.integer("\"events\"", in: 1...most) ?? Self.anonymousEvents
        return AnonymousRule(wait: wait, events: events)
    }
}
