import Deliver
import Events
import JSON
import Log
import SluiceTesting
import Testing

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

@testable import SQLiteStore

/// One after the other: they share the machine.
@Suite(.serialized, .enabled(if: Extent.now != .off, "set SLUICE_FAULTS=short or full"))
struct Faults {}

extension Faults {
    @Suite struct `When things break` {
        @Test func `killed again and again under load, nothing is lost and the ledger is balanced`()
            async throws
        {
            let folder = try TemporaryFolder()
            let sink = try Sink()
            let config = try pipeline(in: folder, to: ["sink": sink.url])
            let data = folder.path + "/data"
            let load = Load()
            let kills = Extent.rounds(short: 10, full: 200)
            var slowest = Duration.zero
            for _ in 1...kills {
                let start = ContinuousClock.now
                let server = try await ServerProcess(data: data, environment: [:], config: config)
                let before = load.acknowledged.count
                let sending = Task { await load.run(to: server.url) }
                _ = try await eventually("the first 200 after the restart") {
                    load.acknowledged.count > before ? true : nil
                }
                slowest = max(slowest, ContinuousClock.now - start)
                try await Task.sleep(for: .milliseconds(Int.random(in: 20...700)))
                try await server.kill()
                await sending.value
            }
            let acknowledged = load.acknowledged
            let server = try await ServerProcess(data: data, environment: [:], config: config)
            let log = try SQLiteLog(directory: data)
            _ = try await eventually("the rest to be delivered") {
                try log.destinations()[0].waiting == 0 ? true : nil
            }
            #expect(try await server.terminate() == 0)
            let ledger = try Ledger(data)
            #expect(acknowledged.subtracting(ledger.messages).isEmpty)
            #expect(ledger.total == ledger.messages.count && ledger.waiting == 0)
            #expect(ledger.states == ["delivered": ledger.messages.count])
            let got = sink.state.withLock(\.got)
            #expect(Set(got.keys) == ledger.messages, "what was stored was sent, and nothing else")
            #expect(try StoreFile(directory: data).faults().isEmpty)
            report(
                "kill -9: \(kills) kills, \(acknowledged.count) acknowledged, 0 lost, "
                    + "\(got.values.count { $0 > 1 }) delivered twice, slowest start to 200 \(slowest)"
            )
        }

        @Test func `with one destination that hangs, the other keeps its throughput`() async throws
        {
            func delivered(hanging: Bool) async throws -> Double {
                let folder = try TemporaryFolder()
                let good = try Sink()
                let bad = try Sink()
                bad.state.withLock { $0.hangs = hanging }
                let config = try pipeline(in: folder, to: ["good": good.url, "other": bad.url])
                let server = try await ServerProcess(
                    data: folder.path + "/data", environment: [:], config: config)
                let count = Extent.rounds(short: 3_000, full: 10_000)
                let load = Load()
                let start = ContinuousClock.now
                await load.run(to: server.url, atMost: count)
                _ = try await eventually("the good one to have all") {
                    good.state.withLock { $0.got.count } == count ? true : nil
                }
                let seconds = (ContinuousClock.now - start) / .seconds(1)
                try await server.kill()
                return Double(count) / seconds
            }
            // That it gets all of them is asserted; how fast is said, because machines differ.
            var rates: [(beside: Double, alone: Double)] = []
            for _ in 1...Extent.rounds(short: 1, full: 3) {
                rates.append(
                    (try await delivered(hanging: true), try await delivered(hanging: false)))
            }
            let median = rates.sorted { $0.beside / $0.alone < $1.beside / $1.alone }[
                rates.count / 2]
            report(
                "one of two hangs: \(Int(median.beside)) a second beside \(Int(median.alone)) with "
                    + "both well, \(Int(median.beside / median.alone * 100)) %")
        }

        @Test func `with a wrong token nothing fails, and all goes in order once it is right`()
            async throws
        {
            let folder = try TemporaryFolder()
            let sink = try Sink()
            sink.state.withLock { $0.status = 401 }
            let alerts = try Sink()
            let config = try pipeline(
                in: folder, to: ["sink": sink.url],
                more: "\"alerts\": {\"url\": \"\(alerts.url)\"},")
            let data = folder.path + "/data"
            let server = try await ServerProcess(data: data, environment: [:], config: config)
            let count = Extent.rounds(short: 3_000, full: 50_000)
            let load = Load()
            await load.run(to: server.url, connections: 32, atMost: count)
            let log = try SQLiteLog(directory: data)
            #expect(try log.destinations()[0].hold != nil)
            var ledger = try Ledger(data)
            #expect(ledger.messages.count == count && ledger.waiting == count, "none failed")
            sink.state.withLock { $0.status = 200 }
            let released = try await Program.run(["destination", "release", "sink", "--data", data])
            #expect(released.code == 0)
            _ = try await eventually("all to be delivered") {
                try log.destinations()[0].waiting == 0 ? true : nil
            }
            ledger = try Ledger(data)
            #expect(ledger.states == ["delivered": count])
            let accepted = try acceptOrder(data)
            let order = sink.state.withLock(\.order)
            #expect(order.allSatisfy { user, numbers in accepted[user] == numbers })
            #expect(try await server.terminate() == 0)
            report("wrong token: \(count) waited, 0 failed, all delivered in order per user")
        }

        @Test func `with one event refused for itself, all others go within three releases`()
            async throws
        {
            let folder = try TemporaryFolder()
            let sink = try Sink()
            // Nothing goes before all of it waits behind the one.
            sink.state.withLock { ($0.status, $0.poison) = (401, "m-1") }
            let config = try pipeline(in: folder, to: ["sink": sink.url])
            let data = folder.path + "/data"
            let server = try await ServerProcess(data: data, environment: [:], config: config)
            let load = Load()
            await load.run(to: server.url, connections: 1, atMost: 41)
            let log = try SQLiteLog(directory: data)
            _ = try await eventually("the hold") {
                try log.destinations()[0].hold != nil ? true : nil
            }
            sink.state.withLock { $0.status = 200 }
            for number in 1...3 {
                let order = ["destination", "release", "sink", "--data", data]
                #expect(try await Program.run(order).code == 0)
                // The one, its hold, and from the third on the others.
                _ = try await eventually("the answer to release \(number)") {
                    let tried = try Ledger(data).attempts > number
                    let isHeld = try log.destinations()[0].hold != nil
                    return tried && (isHeld || number == 3) ? true : nil
                }
            }
            _ = try await eventually("the others to be delivered") {
                try Ledger(data).states == ["delivered": 40, "failed": 1] ? true : nil
            }
            #expect(try log.destinations()[0].hold == nil)
            #expect(try await server.terminate() == 0)
            report("refused for itself: 40 behind it delivered within 3 releases, 1 failed alone")
        }

        @Test func `released into a receiver that is dead, it sends ten and rests`() async throws {
            let folder = try TemporaryFolder()
            // Nobody listens there.
            let config = try pipeline(in: folder, to: ["sink": "http://127.0.0.1:1"])
            let data = folder.path + "/data"
            let server = try await ServerProcess(data: data, environment: [:], config: config)
            let log = try SQLiteLog(directory: data)
            for order in ["hold", "release"] {
                let given = try await Program.run(["destination", order, "sink", "--data", data])
                #expect(given.code == 0)
                if order == "hold" {
                    let count = Extent.rounds(short: 600, full: 10_000)
                    await Load().run(to: server.url, connections: 32, atMost: count)
                }
            }
            _ = try await eventually("the rest") {
                try log.destinations()[0].restingUntil != nil ? true : nil
            }
            // It is asked about at its end, which is half a minute away.
            try await Task.sleep(for: .seconds(2))
            let attempts = try Ledger(data).attempts
            #expect(attempts == 10)
            #expect(try await server.terminate() == 0)
            report("released into a dead receiver: \(attempts) requests, then it rested")
        }

        /// The numbers of each user's events in the order they were accepted.
        private func acceptOrder(_ data: String) throws -> [String: [Int]] {
            let connection = try Connection(
                path: data + "/sluice.db", mode: .readOnly, busyTimeout: .seconds(10))
            let select = try connection.prepare(
                "SELECT user_id, message_id FROM events ORDER BY id")
            var order: [String: [Int]] = [:]
            while try select.step() {
                let number = Int((select.text(1) ?? "").dropFirst(2)) ?? 0
                order[select.text(0) ?? "", default: []].append(number)
            }
            return order
        }

        @Test(
            .enabled(
                if: missing(["mount"], root: true) == nil, "\(missing(["mount"], root: true) ?? "")"
            ))
        func `on a full disk nothing is taken or sent, and it goes on when there is room`()
            async throws
        {
            let folder = try TemporaryFolder()
            try await shell(
                "cd \(folder.path) && mkdir disk && mount -t tmpfs -o size=24m tmpfs disk")
            do {
                try await fullDisk(folder)
            } catch {
                try? await shell("umount -l \(folder.path)/disk")
                throw error
            }
            try await shell("umount -l \(folder.path)/disk")
        }

        private func fullDisk(_ folder: TemporaryFolder) async throws {
            let sink = try Sink()
            let config = try pipeline(
                in: folder, to: ["sink": sink.url], more: "\"store\": {\"reserve_mb\": 1},")
            let disk = folder.path + "/disk"
            let server = try await ServerProcess(
                data: disk + "/data", environment: [:], config: config)
            let load = Load()
            await load.run(to: server.url, atMost: 200)
            #expect(load.acknowledged.count == 200)
            try await shell("dd if=/dev/zero of=\(disk)/ballast bs=64k 2>/dev/null || true")
            var refused = 0
            for number in 1_000..<1_200 {
                let status = await load.post(number, to: server.url)
                if status == 503 { refused += 1 }
                #expect(status == 503 || status == 200)
                if status == 200 {
                    let stored = try Ledger(disk + "/data").messages
                    #expect(stored.contains("m-\(number)"), "a 200 is on the disk")
                }
            }
            #expect(refused > 150)
            let before = sink.state.withLock { $0.got.count }
            try await Task.sleep(for: .milliseconds(500))
            #expect(
                sink.state.withLock { $0.got.count } == before, "nothing is sent without a record")
            try await shell("rm \(disk)/ballast")
            _ = try await eventually("events to be taken again") {
                await load.post(5_000, to: server.url) == 200 ? true : nil
            }
            let log = try SQLiteLog(directory: disk + "/data")
            _ = try await eventually("the rest to be delivered") {
                try log.destinations()[0].waiting == 0 ? true : nil
            }
            #expect(try await server.terminate() == 0)
            #expect(try StoreFile(directory: disk + "/data").faults().isEmpty)
            report("full disk: \(refused) refused with 503, nothing lost, went on by itself")
        }

        @Test func `with its configuration rewritten all the time, no event meets a mixture`()
            async throws
        {
            let folder = try TemporaryFolder()
            let sink = try Sink()
            let config = try pipeline(in: folder, to: ["sink": sink.url])
            let good = try Fixtures.text(config)
            let data = folder.path + "/data"
            let server = try await ServerProcess(data: data, environment: [:], config: config)
            let load = Load()
            let sending = Task { await load.run(to: server.url, connections: 4) }
            let rewrites = Extent.rounds(short: 100, full: 1_000)
            for number in 1...rewrites {
                let text =
                    switch number % 4 {
                    case 0: String(good.prefix(Int.random(in: 1..<good.count)))
                    case 1: good.replacing("\"kind\"", with: "\"knd\"")
                    default: good.replacing("\"allow_private\"", with: " \"allow_private\"")
                    }
                let next = try folder.write(text, to: "next.json")
                rename(next, config)
                server.hangUp()
                try await Task.sleep(for: .milliseconds(5))
            }
            _ = try folder.write(good, to: "next.json")
            rename(folder.path + "/next.json", config)
            server.hangUp()
            load.stop()
            await sending.value
            let log = try SQLiteLog(directory: data)
            _ = try await eventually("all to be delivered") {
                try log.destinations()[0].waiting == 0 ? true : nil
            }
            _ = try await eventually("the good file to be taken") {
                try log.reloadFault() == nil ? true : nil
            }
            let ledger = try Ledger(data)
            #expect(ledger.states == ["delivered": load.acknowledged.count])
            #expect(try await server.terminate() == 0)
            report("configuration rewritten \(rewrites) times: \(ledger.total) delivered, 0 failed")
        }
    }
}
