import Deliver
import Events
import Map
import Pipeline
import Request

/// The pipeline as it is now: what the running parts ask instead of keeping it.
final class Live: RequestBuilders {
    private let file: Locked<PipelineFile>

    init(_ file: PipelineFile) { self.file = Locked(file) }

    var now: PipelineFile { file.withLock { $0 } }

    func replace(_ next: PipelineFile) { file.withLock { $0 = next } }

    func builder(for destination: String) -> RequestBuilder? {
        file.withLock { $0.pipeline.builder(for: destination) }
    }
}

extension PipelineFile {
    /// The limits of the destinations that are on.
    var limits: [String: DeliveryLimits] { pipeline.limits }
}
