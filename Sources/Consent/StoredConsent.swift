/// The stored consent of the person an event belongs to, by the identifiers it was found under.
///
/// The gate decides by it. Each identifier keeps its own standing, because an identifier can be
/// shared: a household shares an address, a device changes hands. A no under any of them counts; a
/// yes under one never outvotes a no that the person gave under another, with one exception: an
/// answer that came under an address alone speaks for everybody who has this address.
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

    private var all: [Standing] { [user, email, device] }

    /// True when nothing is stored.
    package var isEmpty: Bool {
        all.allSatisfy { $0.answers.isEmpty && $0.suppressions.isEmpty }
    }

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
        let onAddress = email.answer(to: category)
        if let own = user.answer(to: category), !own.isOutvoted(by: onAddress) { weigh(own) }
        weigh(onAddress)
        weigh(device.answer(to: category))
        return counts
    }

    /// The newest suppression that holds; nil when the person may be sent to.
    ///
    /// One that is stored under the user id is lifted by a later lifting under the address alone.
    package var suppression: Suppression? {
        if all.allSatisfy(\.suppressions.isEmpty) { return nil }
        let own = user.active.filter { active in
            !email.suppressions.contains { other in
                other.cause == active.cause && other.isAlone
                    && (other.liftedAt.map { $0 > active.at } ?? false)
            }
        }
        return (own + email.active + device.active).max { left, right in
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

    /// True for a no under a user id that a later yes under the address alone has ended.
    fileprivate func isOutvoted(by other: ConsentAnswer?) -> Bool {
        guard let other, !granted, !isOperators else { return false }
        return other.granted && other.isAlone && other.at > at
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
