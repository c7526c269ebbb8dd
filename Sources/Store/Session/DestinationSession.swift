package import Deliver
package import Events
package import Pipeline

/// Keeps how sources and destinations stand.
package protocol DestinationSession: AnyObject {
    /// The number of a destination's name; a new name gets one.
    func number(ofDestination name: String) throws -> DestinationNumber
    /// Every destination that the store knows, also those that left the pipeline.
    var destinations: [String: DestinationNumber] { get }
    func saveHold(_ hold: Hold?, of destination: DestinationNumber) throws
    /// The holds, waits and counts of a destination.
    func record(of destination: DestinationNumber) throws -> DestinationRecord
    /// Keeps a rest, which began at `moment` unless the destination rests already; nil ends it.
    func saveRest(_ rest: Rest?, of destination: DestinationNumber, at moment: Timestamp) throws
    func savePause(_ pause: Pause?, of destination: DestinationNumber) throws
    func saveSuspects(_ suspects: Suspects, of destination: DestinationNumber) throws
    /// Ends every rest: a restart tries again at once.
    func removeRests() throws
    /// Keeps which destinations the pipeline has, whether they are on, and where they are.
    ///
    /// - Parameter areAll: destinations that are not among them are gone.
    func saveDestinations(_ destinations: [Destination], areAll: Bool) throws
    /// Keeps a blueprint's text once for each revision.
    func keepBlueprint(of destination: Destination, at moment: Timestamp) throws
    /// Keeps how the pipeline's sources stand; sources that are not among them are gone.
    func saveSources(_ sources: [SourceRules]) throws
    /// Keeps when something last came and went.
    func save(_ news: LastSeen.Pending) throws
    /// Adds calls that were refused to those of the same source and code.
    func save(_ refused: [RefusedCalls.Count]) throws
    /// Removes the refused calls of a source and code of which the last came before a moment.
    func removeRefused(before moment: Timestamp) throws
}

/// The rest of a destination that does not answer.
package struct Rest: Sendable, Equatable {
    package let until: Timestamp
    package let hint: String
}
