package import Events
package import JSON

extension [RefusalRow] {
    /// The refused calls as a JSON array, one element for each source and code.
    package func appendJSON(to writer: inout JSONWriter, at now: Timestamp) {
        writer.objects(of: self) { row, writer in
            writer.member("source", row.source)
            writer.member("code", row.code)
            writer.member("count", row.count)
            writer.member("firstAt", row.firstAt.iso8601)
            writer.member("lastAt", row.lastAt.iso8601)
            writer.member("fresh", row.isFresh(at: now))
            writer.member("path", row.path)
            writer.member("origin", row.origin)
            writer.member("userAgent", row.userAgent)
            writer.member("keyEnding", row.keyEnding)
            writer.member("message", row.sentence)
            writer.member("fix", row.advice)
        }
    }
}
