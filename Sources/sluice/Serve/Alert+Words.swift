import Accept
import Deliver
import Events
import Log

extension Alert {
    /// The alert in one line, in the words in which the log tells the same.
    ///
    /// - Parameter host: where the destination's requests go.
    func line(host: String?) -> String {
        switch kind {
        case .held:
            var hold = Hold(
                since: at, status: nil, hint: hint, fix: fix, delivery: delivery ?? "")
            hold.byOperator = false
            return words(.held(hold), host: host)
        case .resting: return words(.resting(since: at, until: nil, why: hint), host: host)
        case .refusing:
            return "\(whom(host)) refuses everything: \(hint) \(fix) See: \(command)"
        case .wrongAddress: return "\(whom(host)): \(hint) \(fix) See: \(command)"
        case .storePressed: return "No events are taken: \(hint) \(fix) See: \(command)"
        case .callsRefused: return "\(hint) \(fix) See: \(command)"
        }
    }

    private func whom(_ host: String?) -> String {
        let name = destination ?? ""
        return host.map { "\(name) (\($0))" } ?? name
    }

    private func words(_ standing: DestinationStanding, host: String?) -> String {
        let name = destination ?? ""
        let sentence = standing.sentence(of: name, host: host, waiting: nil, at: at)
        return "\(sentence) \(standing.advice(for: name) ?? "See: \(command)")"
    }

    /// Calls of a kind begin to be refused.
    init(of call: RefusedCall) {
        let row = RefusalRow(
            source: call.source, code: call.code, count: 1, firstAt: call.at, lastAt: call.at,
            path: call.path, origin: call.origin, userAgent: call.userAgent,
            keyEnding: call.keyEnding)
        self.init(
            kind: .callsRefused, destination: nil, at: call.at,
            hint: "\(row.sentence) \(row.lastCall)", fix: row.advice, delivery: nil)
        source = call.source
    }
}
