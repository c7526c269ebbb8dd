import Events

/// An error of a session that says what has to follow from it.
package protocol StoreFailure: Error {
    var fault: StoreFault { get }
}

/// The kinds of fault that end a transaction, by what has to follow.
package enum StoreFault: Sendable, Equatable {
    /// The store is locked or the disk is full: the work is tried again until that has passed.
    case passing(String)
    /// The disk or the file cannot be trusted any more: the program has to end, because after a
    /// failed flush nobody knows what is on the disk.
    case fatal(String)
    /// One piece of work cannot be done, whatever else happens.
    case single(String)
    /// No events are taken: the disk is nearly full, or too many deliveries wait.
    case pressed(StorePressure)

    /// The fault that an error means; an error that does not say counts for its own work alone.
    package init(_ error: any Error) {
        self = (error as? any StoreFailure)?.fault ?? .single("\(error)")
    }

    /// True when the program has to end.
    var isFatal: Bool { if case .fatal = self { true } else { false } }

    package var text: String {
        switch self {
        case .passing(let text), .fatal(let text), .single(let text): text
        case .pressed(let pressure): pressure.problem.message
        }
    }
}
