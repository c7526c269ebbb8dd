import Consent
package import Events
package import Identify

/// Stored consent, as the pipeline finds it for a person and changes it for an event.
extension Pipeline {
    /// True when the person whom the event names was forgotten.
    func isForgotten(
        _ event: Event, _ reading: Reading, in store: some ConsentStore
    ) throws -> Bool {
        func isErased(_ kind: IdentityKey.Kind, _ value: String) throws -> Bool {
            try store.standing(IdentityKey(kind, value))?.isErased ?? false
        }
        if let user = event.userID {
            if try isErased(.user, user) { return true }
            if user.isAddress, try isErased(.email, user) { return true }
        }
        if let older = event.userIDAsItCame, try isErased(.user, older) { return true }
        guard case .usable(let email) = reading.email else { return false }
        if try isErased(.email, email) { return true }
        return try event.emailAsItCame(not: email).map { try isErased(.email, $0) } ?? false
    }

    /// True for an alias from an id that was forgotten.
    func isFormerForgotten(_ event: Event, in store: some ConsentStore) throws -> Bool {
        guard event.type == .alias, event.trusted, let old = event.previousID else { return false }
        return try [old, event.previousIDAsItCame].compactMap { $0 }.contains {
            try store.standing(IdentityKey(.user, $0))?.isErased ?? false
        }
    }

    func carryOut(_ handover: Handover, in store: inout some ConsentStore) throws {
        switch handover {
        case .restrict(let key, let other):
            guard let standing = try store.standing(other), standing.restricts else { return }
            // An address that somebody else shared, and was forgotten with, forgets no user.
            let isShared = key.kind == .user && other.kind == .email
            let restricting = isShared ? standing.withoutErasure : standing
            if restricting.restricts { try store.change(key) { $0.restrict(like: restricting) } }
        case .clear(let key):
            if try store.standing(key) != nil { try store.save(Standing(), for: key) }
        case .keepRestrictions(let key):
            guard let standing = try store.standing(key) else { return }
            try store.change(key) { $0 = standing.restrictions }
        }
    }

    /// Stores the consent that an event gives or takes, and the effects of its source.
    ///
    /// - Returns: the effects, in words.
    func learn(
        from event: Event, of person: Resolution, by reading: Reading,
        weighing order: AnswerOrder, in store: inout some IdentityStore & ConsentStore
    ) throws -> [String] {
        let isEmpty =
            reading.effect == nil && !event.isResubscribe
            && (reading.consent.isEmpty || !event.recordsConsent)
        if isEmpty { return [] }
        let targets = try targets(of: event, person, by: reading, in: store)
        try consent.learn(
            from: event, own: reading.consent, for: targets, belief: reading.belief(in: event),
            isResubscribe: event.isResubscribe && reading.rules?.service == nil
                && reading.effect == nil, by: order, in: &store)
        var changes: [String] = []
        if let effect = reading.effect, let rules = reading.rules {
            changes = try effect.apply(
                event, for: targets, origin: rules.title, by: order, in: &store)
        }
        // Whatever is kept under an address has to be found from the user who has it.
        if let user = event.userID, let email = person.identity.email {
            let key = IdentityKey(.email, email)
            let isKnown = try store.identity(IdentityKey(.user, user))?.email == email
            if !isKnown, var record = try store.identity(key), record.userID == nil {
                record.userID = user
                try store.save(record, for: key)
            }
        }
        return changes
    }

    /// The identifiers for which an event's consent is stored.
    private func targets(
        of event: Event, _ person: Resolution, by reading: Reading, in store: some IdentityStore
    ) throws -> ConsentTargets {
        var targets = ConsentTargets()
        let identity = person.identity
        let device = event.anonymousID.map { IdentityKey(.anonymous, $0) }
        if person.isBelieved, let user = event.userID {
            targets.person = [IdentityKey(.user, user)]
            if let email = identity.email { targets.person.append(IdentityKey(.email, email)) }
            return targets
        }
        if person.isBelieved, let email = identity.email, identity.ownerID == nil {
            // An address that is only kept under the device can be another person's: a no binds it.
            if reading.email.isUsable {
                targets.person = [IdentityKey(.email, email)]
                targets.isAlone = true
            } else {
                targets.owner.append(IdentityKey(.email, email))
            }
        }
        targets.device = device
        let owner = try device.flatMap { try store.identity($0)?.owner }
        if let owner, event.userID == nil || event.userID == owner {
            let key = IdentityKey(.user, owner)
            targets.owner.append(key)
            if let email = try store.identity(key)?.email {
                targets.owner.append(IdentityKey(.email, email))
            }
        }
        return targets
    }

    /// The person of an event as they are known by now, for sending it again.
    ///
    /// An event that named nobody belongs to the only user its anonymous id ever had. An address
    /// that the event states as empty, hashed or unreadable is not replaced.
    package func current(
        _ identity: Identity, of event: Event, in store: some IdentityStore
    ) throws -> Identity {
        var current = identity
        if identity.userID == nil, let device = identity.anonymousID {
            let only = try store.identity(IdentityKey(.anonymous, device))?.onlyOwner
            let theirs = try only.flatMap { try store.identity(IdentityKey(.user, $0))?.email }
            // An event that came with somebody else's address is not the user's.
            let isTheirs =
                identity.email == nil || identity.email?.lowercased() == theirs?.lowercased()
            current.userID = identity.ownerID ?? (isTheirs ? only : nil)
        }
        guard let user = current.userID else { return identity }
        let key = IdentityKey(.user, user)
        let record = try store.identity(key)
        if identity.userID == nil { current.lane = record?.lane ?? store.ownLane(of: key) }
        switch StatedEmail(in: event) {
        case .none, .usable: current.email = record?.email ?? identity.email
        case .empty, .hashed, .invalid: break
        }
        return current
    }

    /// Everything that every destination's verdict rests on.
    func grounds(
        for event: Event, of identity: Identity, refusal: Reason?, by reading: Reading,
        in store: some IdentityStore & ConsentStore
    ) throws -> Grounds {
        Grounds(
            refusal: refusal, consent: reading.consent, belief: reading.belief(in: event),
            stored: try stored(of: identity, in: store), service: reading.rules?.service,
            suppresses: reading.effect?.suppress != nil)
    }

    /// Former ids that are followed at the most.
    private static let formerMax = 64

    /// Adds what restricts a user's former ids, and theirs, in whatever order the aliases came.
    private func restrict(
        _ standing: inout Standing, likeFormerIDsOf user: String,
        in store: some IdentityStore & ConsentStore
    ) throws {
        var open = try store.identity(IdentityKey(.user, user))?.previous ?? []
        if open.isEmpty { return }
        var seen: Set = [user]
        while let old = open.popLast(), seen.count < Self.formerMax {
            guard seen.insert(old).inserted else { continue }
            let key = IdentityKey(.user, old)
            if let former = try store.standing(key) { standing.restrict(like: former) }
            open += try store.identity(key)?.previous ?? []
        }
    }

    /// The stored consent of a person.
    ///
    /// What is kept under an anonymous id counts only while no user is known by it.
    func stored(
        of identity: Identity, in store: some IdentityStore & ConsentStore
    ) throws -> StoredConsent {
        var stored = StoredConsent()
        if let person = identity.person {
            let key = IdentityKey(.user, person)
            stored.user = try store.standing(key) ?? Standing()
            try restrict(&stored.user, likeFormerIDsOf: person, in: store)
            // An address can be a user id too; what was stored for the address holds for it.
            if person.isAddress, let standing = try store.standing(IdentityKey(.email, person)) {
                stored.user.restrict(like: standing)
            }
        }
        if let email = identity.email {
            stored.email = try store.standing(IdentityKey(.email, email)) ?? Standing()
        }
        if identity.userID == nil, let device = identity.anonymousID {
            stored.device = try store.standing(IdentityKey(.anonymous, device)) ?? Standing()
        }
        return stored
    }
}

extension String {
    /// True for an id that may be an email address.
    fileprivate var isAddress: Bool { utf8.contains(UInt8(ascii: "@")) }
}
