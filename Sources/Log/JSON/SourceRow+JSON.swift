import Events
package import JSON

extension [SourceRow] {
    /// The sources and how they stand, as a JSON array.
    package func appendJSON(to writer: inout JSONWriter) {
        writer.objects(of: self) { row, writer in
            writer.member("name", row.name)
            writer.member("kind", row.kind)
            writer.member("enabled", row.offReason == nil)
            writer.member("offReason", row.offReason)
            writer.member("lastEvent", row.lastEvent?.iso8601)
        }
    }
}
