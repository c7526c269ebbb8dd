import Events
import JSON

/// What a batch says once for all its events.
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

    /// The event as a document of its own: its bytes, with the batch's fields where it lacks them.
    func merged(into item: JSONValue) -> JSONDocument {
        guard context != nil || integrations != nil else { return JSONDocument(copying: item) }
        let bytes = JSONWriter.make { writer in
            writer.beginObject()
            for member in item.members where !isMerged(member.key.string) {
                writer.key(quoted: member.key.raw)
                writer.value(member.value)
            }
            merge("context", context, item["context"], into: &writer)
            merge("integrations", integrations, item["integrations"], into: &writer)
            writer.endObject()
        }
        // Written from slices of a checked text: it can be read again.
        return (try? JSONReader.read(bytes)) ?? .emptyObject
    }

    private func isMerged(_ key: String?) -> Bool {
        key == "context" && context != nil || key == "integrations" && integrations != nil
    }

    private func merge(
        _ name: String, _ shared: JSONValue?, _ own: JSONValue?, into writer: inout JSONWriter
    ) {
        guard let shared else { return }
        writer.key(name)
        if let own, own.kind != .object, !own.isNull {
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
