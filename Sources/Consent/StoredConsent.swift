/// The stored consent of the person an event belongs to, by the identifiers it was found under.
///
/// The gate decides by it. Each identifier keeps its own standing, because an identifier can be
/// shared: a household shares an address, a device changes hands. A no under any of them counts. A
/// later yes ends it when it speaks for the same people: the user's own for the user, one that came
/// under an address alone for everybody who has this address.
package struct StoredConsent: Sendable, Equatable {
    /// The standing of the user id, with what the user's former ids restrict.
    package var user: Standing
    /// The standing of the email address.
    package var email: Standing
    /// The standing of the anonymous id; empty for an event that names a user.
    package var device: Standing

    /// The stored consent of a person; what is not given is empty.
    package init(
        user: Standing = Standing(), email: Standing = Standing(), device: Standing = Standing()
    ) {
        self.user = user
        self.email = email
        self.device = device
    }

    /// True when nothing is stored.
    package var isEmpty: Bool { user.isEmpty && email.isEmpty && device.isEmpty }

    /// The stored answer to a category; nil when there is none.
    ///
    /// An operator's no comes first, then the newest no, then the newest yes.
    package func answer(to category: String) -> ConsentAnswer? {
        if isEmpty { return nil }
        var counts: ConsentAnswer?
        func weigh(_ answer: ConsentAnswer?) {
            guard let answer else { return }
            if counts.map({ answer.precedes($0) }) ?? true { counts = answer }
        }
        let own = user.answer(to: category)
        let onAddress = email.answer(to: category)
        if let own, !own.isOutvoted(by: onAddress, onlyAlone: true) { weigh(own) }
        if let onAddress, !onAddress.isOutvoted(by: own, onlyAlone: false) { weigh(onAddress) }
        weigh(device.answer(to: category))
        return counts
    }

    /// The newest suppression that holds; nil when the person may be sent to.
    ///
    /// One that is stored under the user id is lifted by a later lifting under the address alone;
    /// one that was stored under both by the same event is lifted by the user's lifting.
    package var suppression: Suppression? {
        if user.suppressions.isEmpty, email.suppressions.isEmpty, device.suppressions.isEmpty {
            return nil
        }
        let own = user.active.filter { active in
            !email.suppressions.contains { other in
                other.cause == active.cause && other.isAlone
                    && (other.liftedAt.map { $0 > active.at } ?? false)
            }
        }
        let onAddress = email.active.filter { active in
            !user.suppressions.contains { other in
                other.cause == active.cause && other.liftedAt != nil && other.event != nil
                    && other.event == active.event
            }
        }
        return (own + onAddress + device.active).max { left, right in
            left.rank != right.rank ? left.rank < right.rank : left.at < right.at
        }
    }
}

extension ConsentAnswer {
    /// True for the answer that is told, and that counts, of two under different identifiers.
    fileprivate func precedes(_ other: ConsentAnswer) -> Bool {
        rank != other.rank ? rank > other.rank : at > other.at
    }

    private var rank: Int { granted ? 0 : isOperators ? 2 : 1 }

    /// True for a no that the person's later yes under the other identifier has ended.
    ///
    /// A no under a user id is ended by a yes under the address alone. A no under the address is
    /// ended by the user's yes, unless the no came under the address alone: then it is everybody's.
    ///
    /// - Parameter onlyAlone: this is the user's answer, and the other one the address's.
    fileprivate func isOutvoted(by other: ConsentAnswer?, onlyAlone: Bool) -> Bool {
        guard let other, !granted, !isOperators, other.granted, other.at > at else { return false }
        return onlyAlone ? other.isAlone : !isAlone
    }
}

extension Suppression {
    /// True for a bar that also stops an event which itself reports a suppression.
    var isFinal: Bool { cause == Self.erased || cause == Self.byOperator }

    /// Erasure is told first, then an operator's order, then the rest by their time.
    fileprivate var rank: Int {
        switch cause {
        case Suppression.erased: 2
        case Suppression.byOperator: 1
        default: 0
        }
    }
}
