package import Events

/// A delivery with everything that belongs to it: its event, requests and attempts.
package struct DeliveryDetail: Sendable {
    package var row: DeliveryRow
    package var event: EventRow
    /// The requests of its last run, with secrets masked.
    package var requests: [MappedRequest]
    /// The attempts of all runs, oldest first.
    package var attempts: [AttemptRow]

    package init(
        row: DeliveryRow, event: EventRow, requests: [MappedRequest], attempts: [AttemptRow]
    ) {
        self.row = row
        self.event = event
        self.requests = requests
        self.attempts = attempts
    }
}

/// An attempt, with the blueprint's explanation of the answer.
package struct AttemptRow: Sendable {
    package var attempt: Attempt
    /// The answer's meaning, in a sentence.
    package var hint: String?
    /// The way to mend it, in a sentence.
    package var fix: String?

    package init(attempt: Attempt, hint: String?, fix: String?) {
        self.attempt = attempt
        self.hint = hint
        self.fix = fix
    }
}
