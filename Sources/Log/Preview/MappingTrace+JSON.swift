package import JSON
package import Map

extension MappingTrace {
    /// The mapped and the unmapped values, as members of an open JSON object.
    package func appendMembers(to writer: inout JSONWriter) {
        writer.member("mapped", objectsOf: rows) { row, writer in
            writer.member("source", row.source)
            writer.member("before", row.before)
            writer.member("target", row.target)
            writer.member("after", row.after)
            writer.member("rule", row.rule)
        }
        writer.member("unmapped", objectsOf: unused) { item, writer in
            writer.member("source", item.source)
            writer.member("before", item.before)
            writer.member("line", item.line)
        }
    }
}
