package import Events

/// The standing of a destination: whether its deliveries go now, and if not, why.
///
/// Everything that says how a destination stands takes its words from here: `why`, the status, the
/// list of destinations, alerts, and the server when it takes a pipeline.
package enum DestinationStanding: Sendable, Equatable {
    /// Deliveries go.
    case open
    /// Deliveries go, but it has refused this many in a row and taken none.
    case refusing(inARow: Int)
    /// Pausing, because it asked for that.
    case pausing(until: Timestamp)
    /// Left alone for a while, because it did not answer; `until` is nil where the end of the rest
    /// is not known.
    case resting(since: Timestamp?, until: Timestamp?, why: String?)
    /// Keeps its deliveries: its set-up is wrong, or an operator wants it so.
    case held(Hold)
    /// Switched off in the pipeline.
    case off
    /// Not in the pipeline any more.
    case gone

    /// The standing in one word, for programs and tables.
    package var word: String {
        switch self {
        case .open: "open"
        case .refusing: "refusing"
        case .pausing: "pausing"
        case .resting: "resting"
        case .held: "held"
        case .off: "disabled"
        case .gone: "gone"
        }
    }

    /// True when deliveries go, one after the other, as fast as the destination takes them.
    package var sends: Bool {
        switch self {
        case .open, .refusing: true
        case .pausing, .resting, .held, .off, .gone: false
        }
    }

    /// The standing in a sentence or three: since when, why, where, what is tried next, how much
    /// waits, and that nothing is lost.
    ///
    /// - Parameters:
    ///   - host: where its requests go; nil when that is not known.
    ///   - waiting: deliveries that wait; nil when nobody has counted them.
    package func sentence(
        of name: String, host: String?, waiting: Int?, at now: Timestamp
    ) -> String {
        let whom = host.map { "\(name) (\($0))" } ?? name
        let parts = ["\(whom) \(state(at: now))", next(at: now), keeping(waiting)]
        return parts.compactMap(\.self).joined(separator: " ")
    }

    private func state(at now: Timestamp) -> String {
        switch self {
        case .open: return "is open."
        case .refusing(let count):
            return "is open, but refused the last \(count) deliveries and took none."
        case .pausing: return "asked for a pause."
        case .resting(let since, _, let why):
            let since = since.map { " since \(moment($0, from: now))" } ?? ""
            return "does not answer and rests\(since)" + Self.because(why)
        case .held(let hold):
            let whose = hold.byOperator ? "held by an operator" : "held"
            return "is \(whose) since \(moment(hold.since, from: now))" + Self.because(hold.hint)
        case .off: return "is switched off in the pipeline."
        case .gone: return "is gone from the pipeline."
        }
    }

    /// The end of a sentence with its reason.
    private static func because(_ why: String?) -> String {
        guard let why, let last = why.last else { return "." }
        return ": \(why)" + (".!?…".contains(last) ? "" : ".")
    }

    /// The next try and its time; nil when nothing has to be said.
    private func next(at now: Timestamp) -> String? {
        switch self {
        case .open, .refusing: nil
        case .pausing(let until): "It is sent to again \(Self.time(until, now))."
        case .resting(_, let until, _):
            "One delivery is tried \(until.map { Self.time($0, now) } ?? "after the rest")."
        case .held(let hold):
            hold.byOperator
                ? "Nothing is tried until an operator releases it."
                : "One delivery is tried every 15 minutes, and when it is released."
        case .off: "It is sent to again when it is switched on."
        case .gone: "It is sent to again when it is back."
        }
    }

    /// A time to come; never one that has passed.
    private static func time(_ moment: Timestamp, _ now: Timestamp) -> String {
        moment <= now ? "at once" : "at \(Log.moment(moment, from: now))"
    }

    private func keeping(_ waiting: Int?) -> String? {
        switch waiting {
        case nil: sends ? nil : "What waits is kept in order; nothing is lost."
        case 0?: sends ? nil : "Nothing waits."
        case let count?:
            count == 1
                ? "1 delivery waits\(sends ? "" : "; nothing is lost")."
                : "\(count) deliveries wait\(sends ? "" : " in order; nothing is lost")."
        }
    }

    /// The advice to an operator; nil when there is nothing to do.
    package func advice(for name: String) -> String? {
        switch self {
        case .open, .pausing, .resting: nil
        case .refusing:
            "Read an answer: sluice deliveries --destination \(name) --state failed"
        case .held(let hold):
            "\(hold.fix) Then: sluice destination release \(name)"
        case .off: "Set \"enabled\": true at the destination in the pipeline."
        case .gone:
            "Put it back into the pipeline, or end what waits: sluice destination drop \(name)"
        }
    }
}
