package import Events
import JSON

/// Finds the person an event belongs to, and stores what the event says about the person's
/// identifiers.
package enum Identifier {
    /// Finds the identity and stores what an identify or alias says about it; gives a reason when
    /// the event must not be believed, and then stores nothing.
    ///
    /// - Parameters:
    ///   - stated: the event's email, already judged.
    ///   - teaches: true for an event of another kind that is stored like an identify.
    package static func resolve(
        _ event: Event, _ stated: StatedEmail, teaches: Bool = false,
        in store: inout some IdentityStore
    ) throws -> (identity: Identity, refusal: Reason?) {
        let userKey = event.userID.map { IdentityKey(.user, $0) }
        let anonymousKey = event.anonymousID.map { IdentityKey(.anonymous, $0) }
        let known = try userKey.flatMap { try store.identity($0) }
        let linked = try known?.email == nil ? anonymousKey.flatMap { try store.identity($0) } : nil
        let stored = try known?.email ?? linkedEmail(linked, userID: event.userID, in: store)

        let own = ownEmail(of: event, stated, stored: stored)
        var identity = Identity(
            userID: event.userID, email: own.email ?? stored, anonymousID: event.anonymousID,
            emailState: own.state, lane: LaneKey(number: 0))
        identity.lane = try lane(of: identity, known: known, linked: linked, in: &store)
        let refusal = refusal(of: event, own.state)
        if refusal == nil {
            if teaches || event.type == .identify {
                try learn(from: event, identity, known: known, in: &store)
            }
            if event.type == .alias,
                let taken = try learnAlias(from: event, known: known, in: &store)
            {
                identity.lane = taken
            }
        }
        return (identity, refusal)
    }

    /// An anonymous id that belongs to another user says nothing about this one.
    private static func linkedEmail(
        _ linked: IdentityRecord?, userID: String?, in store: some IdentityStore
    ) throws -> String? {
        guard let linked else { return nil }
        guard let owner = linked.userID else { return linked.email }
        if let userID, owner != userID { return nil }
        // The user's email of today, not the one at the time when the two were linked.
        return try store.identity(IdentityKey(.user, owner))?.email ?? linked.email
    }

    private static func ownEmail(
        of event: Event, _ stated: StatedEmail, stored: String?
    ) -> (email: String?, state: Identity.EmailState) {
        switch stated {
        case .none: return (nil, .fine)
        case .hashed: return (nil, .hashed)
        case .invalid: return (nil, .invalid)
        case .usable(let text):
            let believed = event.trusted || stored?.lowercased() == text.lowercased()
            return believed ? (text, .fine) : (nil, .untrusted)
        }
    }

    /// The reason not to believe an event with a browser key: it may state no other email, no
    /// alias, and not that a person subscribed or unsubscribed.
    package static func refusal(of event: Event, _ email: Identity.EmailState) -> Reason? {
        if event.trusted { return nil }
        switch event.type {
        case .alias: return .untrustedIdentity
        case .identify: return email == .untrusted ? .untrustedIdentity : nil
        case .track: return event.changesSubscription ? .untrustedIdentity : nil
        default: return nil
        }
    }

    private static func lane(
        of identity: Identity, known: IdentityRecord?, linked: IdentityRecord?,
        in store: inout some IdentityStore
    ) throws -> LaneKey {
        if let userID = identity.userID {
            return known?.lane ?? store.ownLane(of: IdentityKey(.user, userID))
        }
        if let userID = linked?.userID {
            let key = IdentityKey(.user, userID)
            return try store.identity(key)?.lane ?? store.ownLane(of: key)
        }
        if let anonymousID = identity.anonymousID {
            return store.ownLane(of: IdentityKey(.anonymous, anonymousID))
        }
        return store.ownLane(of: IdentityKey(.email, identity.email ?? ""))
    }

    /// Identify calls store the email and tie the anonymous id to the user.
    private static func learn(
        from event: Event, _ identity: Identity, known: IdentityRecord?,
        in store: inout some IdentityStore
    ) throws {
        let email = event.trusted ? identity.email : nil
        if let userID = event.userID, let email, known?.email != email {
            var record = known ?? IdentityRecord()
            record.email = email
            try store.save(record, for: IdentityKey(.user, userID))
        }
        guard let anonymousID = event.anonymousID else { return }
        let key = IdentityKey(.anonymous, anonymousID)
        let before = try store.identity(key) ?? IdentityRecord()
        var record = before
        if event.trusted || before.userID == nil {
            record.userID = event.userID ?? before.userID
        }
        record.email = email ?? before.email
        if record != before { try store.save(record, for: key) }
    }

    /// The new id goes on in the old id's lane, so that their order is kept.
    private static func learnAlias(
        from event: Event, known: IdentityRecord?, in store: inout some IdentityStore
    ) throws -> LaneKey? {
        guard let userID = event.userID, let previousID = event.previousID, userID != previousID
        else { return nil }
        let user = IdentityKey(.user, previousID)
        let anonymous = IdentityKey(.anonymous, previousID)
        let asUser = try store.identity(user)
        let asAnonymous = try store.identity(anonymous)
        let wasAnonymous =
            asUser == nil && (asAnonymous != nil || event.anonymousID == previousID)
        let previous = asUser ?? asAnonymous
        var record = try store.identity(IdentityKey(.user, userID)) ?? known ?? IdentityRecord()
        record.lane = previous?.lane ?? store.ownLane(of: wasAnonymous ? anonymous : user)
        record.email = record.email ?? previous?.email
        try store.save(record, for: IdentityKey(.user, userID))
        return record.lane
    }
}

/// The email an event carries, judged before anything is known about its person.
package enum StatedEmail: Sendable {
    /// The event carries no email.
    case none
    /// The text looks like a digest.
    case hashed
    /// The text is no address.
    case invalid
    /// An address.
    case usable(String)

    /// Reads and judges `email` of the event's traits.
    package init(in event: Event) {
        guard let text = event.trait("email")?.string, !text.isEmpty else {
            self = .none
            return
        }
        switch EmailCheck(text) {
        case .hashed: self = .hashed
        case .invalid: self = .invalid
        case .usable: self = .usable(text)
        }
    }
}

extension Event {
    /// True for a track event that says a person unsubscribed or subscribed again.
    package var changesSubscription: Bool { isUnsubscribe || isResubscribe }

    /// True for a track event that says a person unsubscribed.
    package var isUnsubscribe: Bool { isTrack("unsubscribe", "unsubscribed") }

    /// True for a track event that says a person subscribed again.
    package var isResubscribe: Bool { isTrack("resubscribe", "resubscribed") }

    private func isTrack(_ one: String, _ other: String) -> Bool {
        guard type == .track, let name else { return false }
        return folds(name, to: one) || folds(name, to: other)
    }
}
