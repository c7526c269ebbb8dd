import Deliver
import Events
import Map
import Pipeline

/// The pipeline as it is now: what the running parts ask instead of keeping it.
final class Live: RequestBuilder {
    private let file: Locked<PipelineFile>

    init(_ file: PipelineFile) { self.file = Locked(file) }

    var now: PipelineFile { file.withLock { $0 } }
    private var pipeline: Pipeline { file.withLock(\.pipeline) }

    func replace(_ next: PipelineFile) { file.withLock { $0 = next } }

    func requests(
        for job: Job
    ) -> Result<(requests: [MappedRequest], revision: String), BuildFault> {
        pipeline.requests(for: job)
    }

    func outgoing(_ request: MappedRequest, for job: Job, at now: Timestamp) -> OutgoingRequest {
        pipeline.outgoing(request, for: job, at: now)
    }

    func answerRules(_ request: MappedRequest, of destination: String) -> [AnswerRule] {
        pipeline.answerRules(request, of: destination)
    }

    func masker(for destination: String) -> (@Sendable (String) -> String)? {
        pipeline.masker(for: destination)
    }
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
