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
    func saveRest(_ rest: Rest?, of destination: DestinationNumber) throws
    func savePause(_ pause: Pause?, of destination: DestinationNumber) throws
    func saveSuspects(_ suspects: Suspects, of destination: DestinationNumber) throws
    /// Ends every rest: a restart tries again at once.
    func removeRests() throws
    func saveEnabled(_ isEnabled: Bool, of destination: DestinationNumber) throws
    /// Keeps a blueprint's text once for each revision.
    func keepBlueprint(of destination: Destination, at moment: Timestamp) throws
    /// Keeps how the pipeline's sources stand; sources that are not among them are gone.
    func saveSources(_ sources: [SourceRules]) throws
    /// Keeps when something last came and went.
    func save(_ news: LastSeen.Pending) throws
}

/// The rest of a destination that does not answer.
package struct Rest: Sendable, Equatable {
    package let until: Timestamp
    package let hint: String
}
