import Events
import JSON
import Log
import Map
import Pipeline

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
}
