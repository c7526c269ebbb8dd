import Consent
import Events
import Identify

/// An operator's answers for a person, and the identifiers that belong to one.
extension StoreWriter {
    /// Stores answers for a person's consent, and lifts suppressions when asked.
    func setConsent(
        of id: String, to answers: [ConsentAnswer], lifting: Bool
    ) throws -> PersonChange {
        let moment = now
        let given = answers.map { "\($0.category) \($0.granted ? "granted" : "denied")" }
        let words = (given + (lifting ? ["suppressions lifted"] : [])).joined(separator: ", ")
        return try change(id, as: "consent set", detail: words) { standing in
            for answer in answers { standing.merge(answer) }
            if lifting { standing.lift(.resubscribe, at: moment) }
        }
    }

    /// Stops every destination for a person until the suppression is lifted.
    func suppress(_ id: String, because reason: String) throws -> PersonChange {
        let suppression = Suppression(
            cause: Suppression.byOperator, at: now,
            origin: reason.isEmpty ? "sluice suppress" : "sluice suppress: \(reason)")
        return try change(id, as: "suppress", detail: "suppressed") { $0.merge(suppression) }
    }

    /// Ends an operator's suppression.
    func liftSuppression(of id: String) throws -> PersonChange {
        let moment = now
        return try change(id, as: "suppress", detail: "lifted") { $0.lift(.byOperator, at: moment) }
    }

    /// Lets a forgotten person come back: ends the erasure of what was forgotten together.
    ///
    /// Other suppressions, such as an operator's, stay.
    func allowAgain(_ id: String) throws -> PersonChange {
        var count = 0
        for key in IdentityKey.spellings(of: id)
            .flatMap({ [IdentityKey(.user, $0), IdentityKey(.email, $0)] })
        where try people.standing(key)?.isErased ?? false {
            count += try endErasure(with: key)
            people.drop(key)
        }
        try audit("forget", of: people.hash(of: IdentityKey(.user, id)), detail: "allowed again")
        return PersonChange(identifiers: count, isKnown: count > 0)
    }

    /// Changes what is stored under every user id and email of a person.
    private func change(
        _ id: String, as action: String, detail: String, _ body: (inout Standing) -> Void
    ) throws -> PersonChange {
        let (keys, isKnown) = try (person(id), isKnown(id))
        changeNumber += 1
        for key in keys.known {
            var standing = try people.standing(key) ?? Standing()
            body(&standing)
            try people.save(standing, for: key)
        }
        try audit(action, of: people.hash(of: keys.all.first), detail: detail)
        return PersonChange(identifiers: keys.known.count, isKnown: isKnown)
    }

    /// True when something is stored under a user id or an email, in any spelling of it.
    private func isKnown(_ id: String) throws -> Bool {
        try IdentityKey.spellings(of: id).contains { try isStored($0) }
    }

    private func isStored(_ id: String) throws -> Bool {
        try isStored(IdentityKey(.user, id)) || isStored(IdentityKey(.email, id))
    }

    private func isStored(_ key: IdentityKey) throws -> Bool {
        if try people.identity(key) != nil { return true }
        return try hasEvents(key)
    }

    private func hasEvents(_ key: IdentityKey) throws -> Bool {
        let first = EventID(number: -1)
        return try !session.events(ofKey: people.number(of: key), after: first, limit: 1).isEmpty
    }

    // MARK: The identifiers of a person

    /// Events of a person that are looked at for identifiers inside a transaction.
    private static let eventsMax = 1_000
    /// Identifiers that are followed at the most.
    private static let identifiersMax = 1_000

    /// The identifiers that belong to a user id or an email, as the store knows them.
    ///
    /// From a user id it follows aliases in both directions, every address it had, and the
    /// anonymous ids it was seen with. From an email it follows the users who have it. It does not
    /// go on from an address or a device to others who share it.
    func person(_ id: String) throws -> PersonKeys {
        let spellings = IdentityKey.spellings(of: id)
        var keys = try person(spelled: spellings[0])
        for older in spellings.dropFirst() where try isStored(older) {
            keys.formUnion(try person(spelled: older))
        }
        return keys
    }

    private func person(spelled id: String) throws -> PersonKeys {
        var keys = PersonKeys()
        let email = IdentityKey(.email, id)
        let isEmail = id.contains("@")
        var open: Set<String> = []
        if isEmail {
            keys.emails.insert(id)
            open = try identifiers(.user, inEventsOf: email)
            for key in try session.identifiers(withEmail: id) where key.kind == .user {
                open.insert(key.value)
            }
            if let user = try people.identity(email)?.userID { open.insert(user) }
        }
        if try !isEmail || isStored(IdentityKey(.user, id)) { open.insert(id) }
        while let user = open.popFirst(), keys.count < Self.identifiersMax {
            guard keys.users.insert(user).inserted else { continue }
            try add(user, to: &keys, following: &open)
        }
        try addDevices(ofAddressesIn: &keys)
        return keys
    }

    /// Adds the anonymous ids that have one of the addresses and no user.
    func addDevices(ofAddressesIn keys: inout PersonKeys) throws {
        for email in keys.emails {
            for key in try session.identifiers(withEmail: email) where key.kind == .anonymous {
                if try people.identity(key)?.userID == nil { keys.anonymous.insert(key.value) }
            }
        }
    }

    private func add(
        _ user: String, to keys: inout PersonKeys, following open: inout Set<String>
    ) throws {
        let key = IdentityKey(.user, user)
        if let record = try people.identity(key) {
            if let email = record.email { keys.emails.insert(email) }
            open.formUnion(record.previous)
            if let next = record.userID { open.insert(next) }
        }
        for other in try session.identifiers(leadingTo: user) {
            switch other.kind {
            case .user: open.insert(other.value)
            case .email: keys.emails.insert(other.value)
            case .anonymous: keys.anonymous.insert(other.value)
            }
        }
        keys.emails.formUnion(try identifiers(.email, inEventsOf: key))
        keys.anonymous.formUnion(try identifiers(.anonymous, inEventsOf: key))
    }

    private func identifiers(
        _ kind: IdentityKey.Kind, inEventsOf key: IdentityKey
    ) throws -> Set<String> {
        try session.identifiers(
            kind, inEventsOf: people.number(of: key), newest: Self.eventsMax)
    }
}
