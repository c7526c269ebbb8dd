package import Events
package import JSON

/// Everything an operator can order, whoever carries it out.
///
/// Commands and the operator API speak to this protocol alone. A running server carries orders out
/// in its own store; without a server, a command opens the store and does the same. Each order is
/// declared once, here.
///
/// An order that changes something answers after the change is on disk. It throws a `Problem` that
/// says what was wrong and what to do; then nothing was changed.
package protocol Operations: Sendable {
    /// Keeps a destination's deliveries, in order, until an operator releases it.
    ///
    /// - Parameter reason: shown in the status, in the operator's own words.
    func hold(_ destination: String, because reason: String) async throws

    /// Lets a destination go on that is held, rests or pauses: one waiting delivery is tried, then
    /// the rest.
    ///
    /// - Returns: false when the destination did none of these.
    func release(_ destination: String) async throws -> Bool

    /// Has one waiting delivery of a held or resting destination tried now.
    ///
    /// - Throws: `no_server` when nothing runs that could try it.
    func probe(_ destination: String) async throws

    /// Cancels everything that waits for a destination; also for one that left the pipeline.
    ///
    /// - Returns: how many deliveries were cancelled.
    func drop(_ destination: String) async throws -> Int

    /// Ends one delivery that waits; the next of its person goes on.
    ///
    /// - Throws: `no_such_delivery`; `not_waiting` when it has ended or is being sent.
    func cancel(_ delivery: DeliveryID) async throws

    /// Begins the next run of some deliveries.
    func replay(_ order: ReplayOrder) async throws -> ReplayOrder.Outcome

    /// Stores a person's answers as of now, and lifts suppressions when asked.
    ///
    /// A no outranks events until it is set again; a yes ends with the person's next no.
    ///
    /// - Parameter id: a user id or an email.
    /// - Throws: `unknown_category` for a category that the pipeline does not know.
    func setConsent(
        of id: String, to answers: [ConsentChoice], lifting: Bool
    ) async throws -> PersonChange

    /// Stops every destination for a person until the suppression is lifted; no event lifts it.
    ///
    /// - Parameters:
    ///   - id: a user id or an email.
    ///   - reason: shown with every event that is kept back, in the operator's words.
    func suppress(_ id: String, because reason: String) async throws -> PersonChange

    /// Ends an operator's suppression.
    func liftSuppression(of id: String) async throws -> PersonChange

    /// Lets a forgotten id come back: its next events are stored and sent again.
    func allowAgain(_ id: String) async throws -> PersonChange

    /// Forgets a person: stops sending, has destinations delete them, removes what is kept.
    ///
    /// - Parameter id: a user id or an email.
    func forget(_ id: String) async throws -> ForgetReport

    /// Reads kept webhooks of a source again, such as after its blueprint was corrected.
    ///
    /// - Parameter number: one rejected body; nil for all of the source.
    /// - Throws: `no_such_source` when no webhook source has this name.
    func reprocess(_ source: String, number: Int64?) async throws -> ReprocessReport

    /// Copies the store to a new file while it may be written.
    ///
    /// - Throws: `file_exists` when the file is there already.
    func backup(to path: String) async throws

    /// Reads every page of the store and compares its indexes with its tables.
    ///
    /// - Returns: the faults that were found, a sentence each.
    func check() async throws -> [String]

    /// Gives the space of removed rows back to the disk.
    ///
    /// - Throws: `data_directory_in_use` while a server runs: it cannot store events meanwhile.
    func compact() async throws
}

/// The result of an order about a person's consent.
package struct PersonChange: Sendable, Equatable {
    /// Identifiers of the person that the order holds for.
    package let identifiers: Int
    /// False when nothing was stored about the person before.
    package let isKnown: Bool

    package init(identifiers: Int, isKnown: Bool) {
        self.identifiers = identifiers
        self.isKnown = isKnown
    }
}

/// A yes or no to one consent category, as an operator orders it.
package struct ConsentChoice: Sendable, Equatable {
    package let category: String
    package let isGranted: Bool

    package init(category: String, isGranted: Bool) {
        self.category = category
        self.isGranted = isGranted
    }
}

/// The result of forgetting a person.
package struct ForgetReport: Sendable, Equatable {
    /// Events that were emptied.
    package var events = 0
    /// Rejected bodies that were removed.
    package var rejected = 0
    /// User ids, emails and anonymous ids whose rows were removed.
    package var identifiers = 0
    /// Events that are still under way; each is emptied by itself when its deliveries have ended.
    package var postponed = 0
    /// Destinations that took the deletion.
    package var forwarded: [String] = []
    /// Destinations that did not take the deletion, each with the reason.
    package var unforwarded: [String] = []
    /// The answers of destinations that were asked: name, status and time.
    package var answers: [String] = []
    /// False when nothing was stored about the person before.
    package var isKnown = true
    /// True when nothing of the person is left in the store's files.
    package var isClean = false

    package init() {}

    /// Appends the report to an open JSON object; the receipt is kept in this form too.
    package func appendMembers(to writer: inout JSONWriter) {
        writer.member("events", events)
        writer.member("rejected", rejected)
        writer.member("identifiers", identifiers)
        writer.member("postponed", postponed)
        writer.member("forwarded", forwarded)
        writer.member("unforwarded", unforwarded)
        writer.member("answers", answers)
        writer.member("known", isKnown)
        writer.member("clean", isClean)
    }
}

/// The result of reading kept webhooks again.
package struct ReprocessReport: Sendable, Equatable {
    /// Bodies that were read.
    package var bodies = 0
    /// Events they became.
    package var events = 0
    /// Bodies that still cannot be used; they stay.
    package var kept = 0

    package init() {}
}
