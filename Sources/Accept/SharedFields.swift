import Events
import JSON

/// The fields that a batch gives once for all its events.
struct SharedFields {
    let context: JSONValue?
    let integrations: JSONValue?
    let sentAt: JSONValue?

    /// Bytes that are added to each event.
    var size: Int { (context?.range.count ?? 0) + (integrations?.range.count ?? 0) }

    init(_ root: JSONValue) {
        func object(_ key: StaticString) -> JSONValue? {
            guard let value = root[key], value.kind == .object, !value.isEmpty else { return nil }
            return value
        }
        context = object("context")
        integrations = object("integrations")
        sentAt = root["sentAt"] ?? root["sent_at"]
    }

    /// An event of the batch as a document of its own, with the batch's fields where it lacks them.
    func merged(into item: JSONValue) -> JSONDocument {
        guard context != nil || integrations != nil else { return JSONDocument(copying: item) }
        let bytes = JSONWriter.make { writer in
            writer.beginObject()
            for member in item.members where !isMerged(member.key.string) {
                writer.key(quoted: member.key.raw)
                writer.value(member.value)
            }
            merge("context", context, own: item["context"], into: &writer)
            merge("integrations", integrations, own: item["integrations"], into: &writer)
            writer.endObject()
        }
        // The text is made of slices of a checked one, so it can be read again.
        return (try? JSONReader.read(bytes)) ?? .emptyObject
    }

    private func isMerged(_ key: String?) -> Bool {
        key == "context" && context != nil || key == "integrations" && integrations != nil
    }

    private func merge(
        _ name: String, _ shared: JSONValue?, own: JSONValue?, into writer: inout JSONWriter
    ) {
        guard let shared else { return }
        writer.key(name)
        if let own, own.kind != .object, !own.isNull, !own.isEmptyArray {
            writer.value(own)
            return
        }
        writer.beginObject()
        let ownKeys = Set(own?.members.map(\.key.string) ?? [])
        for member in shared.members where !ownKeys.contains(member.key.string) {
            writer.key(quoted: member.key.raw)
            writer.value(member.value)
        }
        for member in own?.members ?? .empty {
            writer.key(quoted: member.key.raw)
            writer.value(member.value)
        }
        writer.endObject()
    }
}
