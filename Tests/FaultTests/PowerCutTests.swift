import Deliver
import Events
import Log
import SluiceTesting
import Testing

@testable import SQLiteStore

private let obstacle = missing(["mkfs.ext4", "mount", "losetup", "eatmydata"], root: true)

extension Faults {
    @Suite struct `When the power is cut` {
        /// A disk of its own, whose content at one moment can be looked at as after a power cut.
        private final class Disk: Sendable {
            let folder: TemporaryFolder
            var mount: String { folder.path + "/disk" }

            init() async throws {
                folder = try TemporaryFolder()
                try await shell(
                    """
                    cd \(folder.path) && mkdir disk after && truncate -s 192M image \
                    && mkfs.ext4 -q image && mount -o loop image disk
                    """)
            }

            /// The disk as a machine that is switched off now would find it.
            func cut() async throws -> String {
                try await shell(
                    "cd \(folder.path) && cp --sparse=always image cut && mount -o loop cut after")
                return folder.path + "/after"
            }

            func clear() async {
                try? await shell(
                    "cd \(folder.path); umount after 2>/dev/null; umount disk 2>/dev/null; rm -f cut image"
                )
            }
        }

        private struct Round {
            var acknowledged = 0
            var lost = 0
            var isDamaged = false
            var repeats = 0
        }

        /// One power cut at a random moment of the load.
        private func round(_ wrapper: [String], sinkStatus: Int) async throws -> Round {
            let disk = try await Disk()
            let sink = try Sink()
            sink.state.withLock { $0.status = sinkStatus }
            let config = try pipeline(in: disk.folder, to: ["sink": sink.url])
            var round = Round()
            do {
                let server = try await ServerProcess(
                    data: disk.mount + "/data", environment: [:], config: config, under: wrapper)
                let load = Load()
                let sending = Task { await load.run(to: server.url) }
                _ = try await eventually("the load to be under way") {
                    load.acknowledged.count > 50 ? true : nil
                }
                try await Task.sleep(for: .milliseconds(Int.random(in: 50...1_200)))
                server.freeze()
                // What was acknowledged before the moment of the cut.
                let acknowledged = load.acknowledged
                let delivered = sink.state.withLock(\.got)
                let after = try await disk.cut()
                try await server.kill()
                load.stop()
                await sending.value
                round.acknowledged = acknowledged.count
                try await check(
                    data: after + "/data", config: config, acknowledged: acknowledged,
                    before: delivered, sink: sink, round: &round)
            } catch {
                await disk.clear()
                throw error
            }
            await disk.clear()
            return round
        }

        private func check(
            data: String, config: String, acknowledged: Set<String>, before: [String: Int],
            sink: Sink, round: inout Round
        ) async throws {
            do {
                sink.state.withLock { $0.status = 200 }
                let server = try await ServerProcess(data: data, environment: [:], config: config)
                let log = try SQLiteLog(directory: data)
                _ = try await eventually("what waits to be delivered") {
                    try log.destinations()[0].waiting == 0 ? true : nil
                }
                _ = try await server.terminate()
                round.lost = acknowledged.subtracting(try Ledger(data).messages).count
                round.isDamaged = try !StoreFile(directory: data).faults().isEmpty
                let after = sink.state.withLock(\.got)
                round.repeats = before.keys.count { (after[$0] ?? 0) > 1 }
            } catch {
                // With a disk that lies the store itself can be gone.
                round.lost = acknowledged.count
                round.isDamaged = true
            }
        }

        @Test(.enabled(if: obstacle == nil, "\(obstacle ?? "")"))
        func `nothing that was answered 200 is lost, while it is taken and while it is delivered`()
            async throws
        {
            for (what, status) in [("taken", 503), ("delivered", 200)] {
                let rounds = Extent.rounds(short: 3, full: 30)
                var all = Round()
                for _ in 1...rounds {
                    let round = try await round([], sinkStatus: status)
                    #expect(round.lost == 0 && !round.isDamaged)
                    // In flight at the sink, or answered and not yet on the disk.
                    #expect(round.repeats <= 64 + 256)
                    all.acknowledged += round.acknowledged
                    all.lost += round.lost
                    all.repeats += round.repeats
                }
                report(
                    "power cut while events are \(what): \(rounds) cuts, \(all.acknowledged) "
                        + "acknowledged, \(all.lost) lost, \(all.repeats) delivered twice")
            }
        }

        @Test(.enabled(if: obstacle == nil, "\(obstacle ?? "")"))
        func `a disk that lies about flushes does lose events, so this test can see it`()
            async throws
        {
            var lost = 0
            for _ in 1...5 where lost == 0 {
                lost = try await round(["/usr/bin/eatmydata"], sinkStatus: 503).lost
            }
            #expect(lost > 0)
            report("power cut without flushes (control): \(lost) lost, as it has to be")
        }
    }
}
