package import Events

/// A delivery with everything that belongs to it: its event, requests and attempts.
package struct DeliveryDetail: Sendable {
    package var row: DeliveryRow
    package var event: EventRow
    /// The requests that were built last for its last run, with secrets masked.
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

    /// The request that an attempt sent, where it is not among the delivery's: it was built anew
    /// since, because its address or method was changed in the pipeline.
    package func earlierRequest(of row: AttemptRow) -> MappedRequest? {
        let attempt = row.attempt
        // A run that sends the requests of an earlier one builds none.
        let known = attempts.last { other in
            other.pinned != nil && other.attempt.run <= attempt.run
                && (other.attempt.run < attempt.run || other.attempt.number <= attempt.number)
        }
        guard let sent = known?.pinned, sent.indices.contains(attempt.step) else { return nil }
        let request = sent[attempt.step]
        let now = requests.indices.contains(attempt.step) ? requests[attempt.step] : nil
        return request.method == now?.method && request.url == now?.url
            && request.body == now?.body ? nil : request
    }
}

/// An attempt, with the blueprint's explanation of the answer.
package struct AttemptRow: Sendable {
    package var attempt: Attempt
    /// The answer's meaning, in a sentence.
    package var hint: String?
    /// The way to mend it, in a sentence.
    package var fix: String?
    /// The requests that were built for this attempt; nil when it sent those of one before.
    package var pinned: [MappedRequest]?

    package init(
        attempt: Attempt, hint: String?, fix: String?, pinned: [MappedRequest]? = nil
    ) {
        self.attempt = attempt
        self.hint = hint
        self.fix = fix
        self.pinned = pinned
    }
}
