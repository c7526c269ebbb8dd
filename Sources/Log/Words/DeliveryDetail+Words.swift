import Events

extension DeliveryDetail {
    /// The advice about an attempt, while it can still be followed: of the last attempt alone, not
    /// once the delivery was taken, and no word of waiting once nothing is tried any more.
    package func fix(of attempt: AttemptRow) -> String? {
        guard row.state != .delivered, let fix = attempt.fix, let last = attempts.last?.attempt,
            last.run == attempt.attempt.run, last.number == attempt.attempt.number
        else { return nil }
        return row.state.isFinal && fix.hasPrefix("Nothing to do") ? nil : fix
    }
}
