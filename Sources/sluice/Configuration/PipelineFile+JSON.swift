import Accept
import Events
import Ingest
import JSON
import Log
import Map
import Pipeline
import Webhooks

extension PipelineFile {
    /// The file as `sluice check --json` shows it: its sources and destinations, no secrets.
    func appendJSON(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("listen", "\(listen)")
        writer.member("data", data)
        writer.member("sources", objectsOf: pipeline.sources) { source, writer in
            writer.member("name", source.name)
            writer.member("kind", source.kind)
            writer.member("enabled", source.offReason == nil)
            writer.member("offReason", source.offReason)
            if let named = neverStore(of: source.name)?.named, !named.isEmpty {
                writer.key("neverStore")
                writer.beginArray()
                for name in named { writer.string(name) }
                writer.endArray()
            }
        }
        writer.member("destinations", objectsOf: pipeline.destinations) { destination, writer in
            writer.member("name", destination.name)
            writer.member("blueprint", destination.blueprint.name)
            writer.member("revision", destination.blueprint.revision)
            writer.member("preset", destination.preset.name)
            writer.member("enabled", destination.isEnabled)
        }
        writer.endObject()
    }

    /// The rules of a source for values that are never stored.
    func neverStore(of source: String) -> NeverStore? {
        sources.first { $0.name == source }?.eventSource.neverStore
            ?? webhooks.first { $0.name == source }?.neverStore
    }
}
