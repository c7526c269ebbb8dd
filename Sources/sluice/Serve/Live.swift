import Deliver
import Events
import Map
import Pipeline

/// The pipeline as it is now: what the running parts ask instead of keeping it.
final class Live: Targets {
    private let file: Locked<PipelineFile>

    init(_ file: PipelineFile) { self.file = Locked(file) }

    var now: PipelineFile { file.withLock { $0 } }

    func replace(_ next: PipelineFile) { file.withLock { $0 = next } }

    func target(_ name: String) -> (any Target)? { file.withLock { $0.pipeline[name] } }
}

extension PipelineFile {
    /// The limits of the destinations that are on.
    var limits: [String: DeliveryLimits] {
        Dictionary(
            uniqueKeysWithValues: pipeline.destinations.filter(\.isEnabled).map {
                ($0.name, $0.limits)
            })
    }
}
