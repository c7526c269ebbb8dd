import Events
import Pipeline

/// The sentences about the server's own state.
extension ServerRow {
    /// The pipeline that runs; nil before a server has run on this store.
    package var runningSentence: String? {
        running.map { "Pipeline \($0.revision) runs since \($0.at.iso8601)." }
    }

    /// The changed pipeline that was refused, without its faults; nil when there is none.
    package var refusedSentence: String? {
        refused.map { refused in
            let revision = refused.revision.isEmpty ? "" : " \(refused.revision)"
            return "The changed pipeline\(revision) was not taken at \(refused.at.iso8601); "
                + "the last good one runs."
        }
    }

    /// The reason why no events are taken, and what helps; nil when they are.
    package var pressureSentence: String? {
        pressure.map {
            "No events are taken since \($0.since.iso8601) (\($0.problem.code)): "
                + "\($0.problem.message) \($0.problem.hint)"
        }
    }
}
