import Consent
import Events
import Identify

/// An operator's answers for a person, and the identifiers that belong to one.
extension StoreWriter {
    /// Stores answers for a person's consent, and lifts suppressions when asked.
    ///
    /// - Returns: the identifiers of the person.
    func setConsent(
        of id: String, to answers: [ConsentAnswer], lifting: Bool
    ) throws -> PersonKeys {
        let keys = try person(id)
        let moment = now
        changeNumber += 1
        for key in keys.known {
            var standing = try people.standing(key) ?? Standing()
            for answer in answers { standing.merge(answer) }
            if lifting { standing.lift(.resubscribe, at: moment) }
            try people.save(standing, for: key)
        }
        let words = answers.map { "\($0.category) \($0.granted ? "granted" : "denied")" }
        try audit(
            "consent set", of: people.hash(of: keys.all.first),
            detail: (words + (lifting ? ["suppressions lifted"] : [])).joined(separator: ", "))
        return keys
    }

    /// The identifiers that belong to a user id or an email, as the store knows them.
    func person(_ id: String) throws -> PersonKeys {
        var keys = PersonKeys()
        let isEmail = id.contains("@")
        if isEmail {
            keys.emails.insert(id)
            keys.users = try identifiers(.user, inEventsOf: IdentityKey(.email, id))
        }
        let isUser = try !session.events(ofKey: people.number(of: IdentityKey(.user, id))).isEmpty
        if !isEmail || isUser { keys.users.insert(id) }
        for user in keys.users {
            let key = IdentityKey(.user, user)
            if let email = try people.identity(key)?.email { keys.emails.insert(email) }
            keys.emails.formUnion(try identifiers(.email, inEventsOf: key))
            keys.anonymous.formUnion(try identifiers(.anonymous, inEventsOf: key))
        }
        return keys
    }

    private func identifiers(
        _ kind: IdentityKey.Kind, inEventsOf key: IdentityKey
    ) throws -> Set<String> {
        try session.identifiers(kind, inEventsOf: people.number(of: key))
    }
}
