package import Events

/// The identifiers for which an event's consent is stored.
package struct ConsentTargets: Sendable {
    /// The person's own identifiers: the user id and the address.
    package var person: [IdentityKey]
    /// The anonymous id, where the event names no user.
    package var device: IdentityKey?
    /// The person to whom a server has linked the device: a no binds them too.
    package var owner: [IdentityKey]
    /// True when the event names no user, only an address.
    package var isAlone: Bool

    /// Nobody, until identifiers are added.
    package init(
        person: [IdentityKey] = [], device: IdentityKey? = nil, owner: [IdentityKey] = [],
        isAlone: Bool = false
    ) {
        self.person = person
        self.device = device
        self.owner = owner
        self.isAlone = isAlone
    }
}

extension ConsentReader {
    /// Stores the answers of an event that are meant to last, and lifts suppressions.
    ///
    /// A yes is stored for the identifiers that the event itself names; a no also for the person to
    /// whom a server has linked its device.
    ///
    /// - Parameters:
    ///   - belief: how far the event's yes is believed.
    ///   - isResubscribe: the event says that the person subscribed again.
    ///   - order: how answers are weighed against stored ones.
    package func learn(
        from event: Event, own: ConsentReading, for targets: ConsentTargets,
        belief: ConsentGate.Belief, isResubscribe: Bool, by order: AnswerOrder,
        in store: inout some ConsentStore
    ) throws {
        let answers = event.recordsConsent && own.unreadable == nil ? own.answers : []
        var lifting: Lifting?
        if event.trusted {
            // An unsubscribe is a no to marketing: a yes to something else does not end it.
            let isNo = answers.contains { !$0.granted && $0.category == Self.marketing }
            if event.isConsentEvent, !isNo, answers.contains(where: \.granted) {
                lifting = .consent
            }
            if isResubscribe { lifting = .resubscribe }
        }
        guard lifting != nil || !answers.isEmpty else { return }
        let moment = min(event.timestamp, event.receivedAt)
        for key in targets.person {
            try store.change(key) { standing in
                for answer in answers where belief == .person || !answer.granted {
                    standing.merge(answer.isAlone(targets.isAlone), by: order)
                }
                if let lifting { standing.lift(lifting, at: moment, isAlone: targets.isAlone) }
            }
        }
        if let device = targets.device {
            try store.change(device) { standing in
                for answer in answers where belief != .denials || !answer.granted {
                    standing.merge(answer, by: order)
                }
            }
        }
        for key in targets.owner {
            try store.change(key) { standing in
                for answer in answers where !answer.granted { standing.merge(answer, by: order) }
            }
        }
    }
}

extension ConsentAnswer {
    fileprivate func isAlone(_ isAlone: Bool) -> ConsentAnswer {
        var answer = self
        answer.isAlone = isAlone
        return answer
    }
}

extension ConsentStore {
    /// Changes the consent of an identifier; stores it when it is another afterwards.
    ///
    /// - Returns: true when it was changed.
    @discardableResult
    package mutating func change(
        _ key: IdentityKey, _ body: (inout Standing) -> Void
    ) throws -> Bool {
        let before = try standing(key) ?? Standing()
        var standing = before
        body(&standing)
        if standing != before { try save(standing, for: key) }
        return standing != before
    }
}
