package import Events
import JSON

/// The email an event carries, judged before anything is known about its person.
package enum StatedEmail: Sendable, Equatable {
    /// The event says nothing about an email.
    case none
    /// The event says that there is no email: null, or nothing but blanks.
    case empty
    /// The text looks like a digest.
    case hashed
    /// The value is no address.
    case invalid
    /// An address.
    case usable(String)

    /// Reads and judges `email` of the event's traits; the traits of a group are not the person's.
    package init(in event: Event) {
        let own = event.type == .group ? nil : event.traits?["email"]
        let inContext = event.contextTraits?["email"]
        guard let value = own.flatMap({ $0.isNull ? nil : $0 }) ?? inContext ?? own else {
            self = .none
            return
        }
        guard !value.isNull else {
            self = .empty
            return
        }
        guard let text = value.string else {
            self = .invalid
            return
        }
        switch EmailCheck(text) {
        case .hashed: self = .hashed
        case .invalid: self = .invalid
        case .empty: self = .empty
        case .usable(let address): self = .usable(address)
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
