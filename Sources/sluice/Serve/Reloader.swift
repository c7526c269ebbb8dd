import Events
import Glibc
import Logging
import Pipeline
import Store
import ServiceLifecycle
import UnixSignals

/// Replaces the pipeline while the server runs: on SIGHUP, and when a file of it has changed.
///
/// A faulty pipeline is refused whole, with line and column, and the last good one stays in force.
struct Reloader: Service {
    let server: Server
    let reader: PipelineReader
    let logger: Logger

    /// The time between two looks at the files.
    private static let pause: Duration = .seconds(1)

    func run() async throws {
        // One after the other, whoever asks.
        let (orders, order) = AsyncStream.makeStream(
            of: Void.self, bufferingPolicy: .bufferingNewest(1))
        try? await cancelWhenGracefulShutdown {
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                tasks.addTask {
                    for await _ in await UnixSignalsSequence(trapping: .sighup) { order.yield() }
                }
                tasks.addTask { try await watch { order.yield() } }
                tasks.addTask { for await _ in orders { await reload() } }
                try await tasks.waitForAll()
            }
        }
    }

    private func watch(_ changed: @Sendable () -> Void) async throws {
        var before = Self.stamps(server.live.now.files)
        while true {
            try await Task.sleep(for: Self.pause)
            let now = Self.stamps(server.live.now.files)
            if now != before { changed() }
            before = now
        }
    }

    func reload() async {
        do {
            try await server.replace(try reader.read())
        } catch {
            let fault = (error as? Problem).map { "\($0.message) \($0.hint)" } ?? "\(error)"
            let refused = PipelineChange(
                revision: reader.revision, at: server.now, fault: fault)
            let which = refused.revision.isEmpty ? "" : " \(refused.revision)"
            logger.error(
                """
                The changed pipeline\(which) is not taken; \
                \(server.live.now.pipeline.revision) stays: \(fault)
                """)
            try? await server.store.note(refused)
        }
    }

    /// The marks of a changed file: the time of its last change, its size, its number.
    private static func stamps(_ files: [String]) -> [[Int64]] {
        files.map { path in
            var found = stat()
            guard stat(path, &found) == 0 else { return [] }
            return [
                Int64(found.st_mtim.tv_sec), Int64(found.st_mtim.tv_nsec), Int64(found.st_size),
                Int64(found.st_ino),
            ]
        }
    }
}
