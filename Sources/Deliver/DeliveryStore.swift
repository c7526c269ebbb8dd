package import Events

/// The end of an attempt, for the store to record.
package struct Outcome: Sendable {
    /// The delivery's way from here.
    package enum Next: Sendable, Equatable {
        case delivered
        /// A step is done; the attempt of the next one is open.
        case nextStep
        case retry(due: Timestamp, leavesLane: Bool)
        case failed(Reason, detail: String?)
        case expired
        /// Back to the head of its lane, due at once; the attempt does not count.
        case requeue

        /// True when the delivery has ended.
        var isFinal: Bool {
            switch self {
            case .delivered, .failed, .expired: true
            case .nextStep, .retry, .requeue: false
            }
        }
    }
    package var job: Job
    package var attempt: Attempt
    package var next: Next
    package var hint: String?
    package var fix: String?
    package var endedAt: Timestamp
    /// Deliveries that the destination refused in a row, with this one.
    package var refusedInARow = 0

    package init(
        job: Job, attempt: Attempt, next: Next, hint: String?, fix: String?, endedAt: Timestamp
    ) {
        self.job = job
        self.attempt = attempt
        self.next = next
        self.hint = hint
        self.fix = fix
        self.endedAt = endedAt
    }
}

/// Work the deliverer asks of the store; all of it is done in batches, in order.
package enum DeliveryWork: Sendable {
    /// The end of an attempt.
    case record(Outcome)
    /// Deliveries that were handed over and not tried: back into the store, the attempt undone.
    case giveBack([Job])
    /// Opens attempts of what is due. `oldest` takes by acceptance instead of by due time, and
    /// leaves out the deliveries of some events.
    case claim(destination: String, limit: Int, oldest: Bool, except: [EventID] = [])
    /// The destination's set-up is wrong.
    case hold(destination: String, Hold)
    /// A probe went well; `byOperator` when an operator held the destination and ordered the probe.
    case release(destination: String, byOperator: Bool)
    /// The destination rests until then; nil when it does no longer.
    case rest(destination: String, until: Timestamp?, hint: String)
    /// The destination asked for a pause; nil when it is over.
    case pause(destination: String, Pause?)
    /// Ends a waiting delivery: it was refused while others were taken.
    case refuse(DeliveryID)
    /// The deliveries of the destination whose probes failed.
    case suspect(destination: String, Suspects)
}

/// News from the store for the deliverer, told after the commit.
package enum StoreNews: Sendable {
    /// Deliveries with an attempt open: fresh ones, or a part of a large claim.
    case handedOver([Job])
    /// Something is due in the store.
    case waiting(destination: String)
    /// The answer to a claim for at most `limit`, and when something more falls due.
    case claimed(destination: String, jobs: [Job], limit: Int, nextDue: Timestamp?)
    /// The stored consent of these people has changed, with the change of that number.
    case consentChanged([IdentityKey], at: Int64)
    /// An operator released the destination.
    case released(destination: String)
    /// An operator holds the destination.
    case heldByOperator(destination: String)
    /// An operator wants one delivery to be tried.
    case probe(destination: String)
    /// The store cannot be written now, or can be again.
    case storeFails(Bool)
}

/// News that must count at once: a person or an operator relies on it as soon as it is stored.
///
/// The way of ordinary news leads through the builder of requests and may be long. An urgent copy
/// goes straight to the machine; the news itself follows in its place.
package enum UrgentNews: Sendable {
    /// See `StoreNews.consentChanged`.
    case consentChanged([IdentityKey], at: Int64)
    /// See `StoreNews.heldByOperator`.
    case heldByOperator(destination: String)

    /// The urgent copy of news; nil for news that can wait for their turn.
    init?(_ news: StoreNews) {
        switch news {
        case .consentChanged(let keys, let change): self = .consentChanged(keys, at: change)
        case .heldByOperator(let destination): self = .heldByOperator(destination: destination)
        case .handedOver, .waiting, .claimed, .released, .probe, .storeFails: return nil
        }
    }
}

/// A store of deliveries, as the deliverer uses it between attempts.
package protocol DeliveryStore: Sendable {
    /// Takes work in and returns at once; what follows from it comes as news.
    func submit(_ work: [DeliveryWork])
}
