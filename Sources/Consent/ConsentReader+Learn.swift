package import Events

extension ConsentReader {
    /// Stores the answers of an event that are meant to last, and lifts suppressions.
    ///
    /// Of an event with a browser key only denials are stored.
    ///
    /// - Parameter lifts: the event says that the person subscribed again.
    package func learn(
        from event: Event, _ identity: Identity, own: [ConsentAnswer], lifts: Bool,
        in store: inout some ConsentStore
    ) throws {
        let answers = event.recordsConsent ? own.filter { event.trusted || !$0.granted } : []
        let lifts =
            event.trusted
            && (lifts || event.isConsentEvent && answers.contains(where: \.granted))
        guard lifts || !answers.isEmpty else { return }
        for key in identity.keys {
            let before = try store.standing(key) ?? Standing()
            var standing = before
            for answer in answers { standing.merge(answer) }
            if lifts { standing.lift(at: event.timestamp) }
            if standing != before { try store.save(standing, for: key) }
        }
    }
}
