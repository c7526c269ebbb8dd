package import Events
package import Pipeline

/// The running server's own state, as it last wrote it down.
package struct ServerRow: Sendable, Equatable {
    /// The pipeline that runs; nil before a server has run on this store.
    package var running: PipelineChange?
    /// The changed pipeline that was refused; nil when there is none.
    package var refused: PipelineChange?
    /// The reason why no events are taken; nil when they are.
    package var pressure: Pressure?

    /// A reason why no events are taken, and since when.
    package struct Pressure: Sendable, Equatable {
        package let problem: Problem
        package let since: Timestamp

        package init(problem: Problem, since: Timestamp) {
            self.problem = problem
            self.since = since
        }

        /// The reason as a store keeps it, in one text.
        package var text: String {
            Fields.join([
                problem.code, problem.message, problem.hint, String(since.milliseconds),
            ])
        }

        /// Reads a stored reason; nil when the text is none.
        package init?(text: String) {
            let parts = Fields.split(text)
            guard parts.count == 4, let milliseconds = Int64(parts[3]) else { return nil }
            self.init(
                problem: Problem(code: parts[0], message: parts[1], hint: parts[2]),
                since: Timestamp(milliseconds: milliseconds))
        }
    }

    package init(
        running: PipelineChange? = nil, refused: PipelineChange? = nil,
        pressure: Pressure? = nil
    ) {
        self.running = running
        self.refused = refused
        self.pressure = pressure
    }
}
