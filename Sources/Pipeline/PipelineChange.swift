package import Events

/// A pipeline that the server has taken, or refused: kept for the status and the audit.
package struct PipelineChange: Sendable, Equatable {
    /// The revision of the file and its blueprints.
    package let revision: String
    package let at: Timestamp
    /// The faults for which it was refused; nil for one that was taken.
    package let fault: String?

    /// Characters of the faults that are kept.
    package static let faultLimit = 4_000

    /// A pipeline that was taken, or refused for its faults, at a moment.
    package init(revision: String, at moment: Timestamp, fault: String? = nil) {
        self.revision = revision
        at = moment
        self.fault = fault.map { String($0.prefix(Self.faultLimit)) }
    }

    /// The change as a store keeps it, in one text.
    package var text: String {
        Fields.join([revision, String(at.milliseconds)] + [fault].compactMap(\.self))
    }

    /// Reads a stored change; nil when the text is none.
    package init?(text: String) {
        let parts = Fields.split(text)
        guard (2...3).contains(parts.count), let milliseconds = Int64(parts[1]) else {
            return nil
        }
        self.init(
            revision: parts[0], at: Timestamp(milliseconds: milliseconds),
            fault: parts.count == 3 ? parts[2] : nil)
    }
}
