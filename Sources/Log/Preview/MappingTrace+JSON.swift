package import JSON
package import Map

extension MappingTrace {
    /// The mapped and the unmapped values, as members of an open JSON object.
    package func appendMembers(to writer: inout JSONWriter) {
        writer.key("mapped")
        writer.beginArray()
        for row in rows {
            writer.beginObject()
            writer.member("source", row.source)
            writer.member("before", row.before)
            writer.member("target", row.target)
            writer.member("after", row.after)
            writer.member("rule", row.rule)
            writer.endObject()
        }
        writer.endArray()
        writer.key("unmapped")
        writer.beginArray()
        for item in unused {
            writer.beginObject()
            writer.member("source", item.source)
            writer.member("before", item.before)
            writer.member("line", item.line)
            writer.endObject()
        }
        writer.endArray()
    }
}
