import Request
import Console
import CurlTransport
import Events
import FoundationEssentials
import Glibc

/// The measurements, one round each.
struct BenchRuns {
    let folder: String
    let blueprint: String
    let receiver: BenchReceiver
    let seconds: Double

    /// Seconds of a load before anything is counted.
    private static let warmUp = 1.0

    /// Events taken, delivered and logged at the same time.
    func through(_ report: inout BenchReport) async throws {
        for (name, connections, batch) in [
            ("64 connections", 64, 1), ("256 connections", 256, 1), ("batches of 100", 16, 100),
        ] {
            let measured = try await withServer { server in
                try await measure(server, connections: connections, batch: batch)
            }
            let (before, after, load, memory) = measured
            let accepted = Double(after.accepted - before.accepted)
            report.add("through, \(name): accepted", accepted / seconds, in: .perSecond)
            let delivered = Double(after.delivered - before.delivered)
            report.add(
                "through, \(name): delivered and logged", delivered / seconds, in: .perSecond)
            report.add(
                "through, \(name): answer p50", load.latencies.quantile(0.5), in: .milliseconds)
            report.add(
                "through, \(name): answer p99", load.latencies.quantile(0.99), in: .milliseconds)
            let cpu = (after.cpuSeconds - before.cpuSeconds) / max(accepted, 1) * 1000
            report.add("through, \(name): processor, 1,000 events", cpu, in: .seconds)
            let bytes = Double(after.bytesWritten - before.bytesWritten) / max(accepted, 1)
            report.add("through, \(name): written, 1,000 events", bytes / 1000, in: .megabytes)
            report.add(
                "through, \(name): peak memory", Double(memory) / 1_048_576, in: .megabytes)
            report.failures += load.failures
        }
    }

    /// Events taken while the destination is held, then what waits released.
    func held(_ report: inout BenchReport) async throws {
        try await withServer { server in
            let transport = CurlTransport()
            defer { transport.close() }
            let operations = OperationsClient(
                transport: transport, socket: DataFolder(server.data).socketPath,
                version: Sluice.version)
            try await operations.hold("vero", because: "sluice bench")
            for (name, batch) in [("one a request", 1), ("batches of 100", 100)] {
                let (before, after, load, _) = try await measure(
                    server, connections: 64, batch: batch)
                let accepted = Double(after.accepted - before.accepted) / seconds
                report.add("ingest, \(name): accepted", accepted, in: .perSecond)
                report.add(
                    "ingest, \(name): answer p99", load.latencies.quantile(0.99), in: .milliseconds)
                report.failures += load.failures
            }
            _ = try await operations.release("vero")
            try await Task.sleep(for: .milliseconds(500))
            let before = try server.usage()
            report.add("delivery: waiting", Double(before.accepted - before.delivered), in: .events)
            let begin = benchClock()
            try await Task.sleep(for: .seconds(seconds))
            let after = try server.usage()
            let took = Double(benchClock() - begin) / 1e9
            report.add(
                "delivery: delivered and logged", Double(after.delivered - before.delivered) / took,
                in: .perSecond)
            report.add(
                "delivery: peak memory", Double(server.peakMemory) / 1_048_576, in: .megabytes)
        }
    }

    /// From the moment an event is sent until the destination has it, at a steady rate.
    func latency(_ report: inout BenchReport) async throws {
        for rate in [500, 5_000] {
            try await withServer { server in
                // Connections and pages are made first.
                _ = try await run(
                    BenchLoad(port: server.port, perSecond: rate, seconds: Self.warmUp), 0)
                _ = receiver.takeArrivals()
                let first = 1_000_000
                let load = try await run(
                    BenchLoad(port: server.port, perSecond: rate, seconds: seconds), first)
                let arrivals = try await arrivals(of: load.sentAt.count, from: first)
                let taken = arrivals.compactMap { event, at -> UInt64? in
                    let index = event - first
                    return load.sentAt.indices.contains(index) ? at - load.sentAt[index] : nil
                }.sorted()
                let name = "at \(rate) events/s"
                report.add("\(name): answer p50", load.latencies.quantile(0.5), in: .milliseconds)
                report.add("\(name): answer p99", load.latencies.quantile(0.99), in: .milliseconds)
                report.add("\(name): sent to delivered p50", taken.quantile(0.5), in: .milliseconds)
                report.add(
                    "\(name): sent to delivered p99", taken.quantile(0.99), in: .milliseconds)
                report.failures += load.failures + max(0, load.sentAt.count - taken.count)
            }
        }
    }

    /// Waits until so many requests have come, or until none has come for five seconds.
    ///
    /// - Parameter first: those before belong to the warm-up, and may still be coming.
    private func arrivals(
        of count: Int, from first: Int
    ) async throws -> [(event: Int, at: UInt64)] {
        var arrivals: [(event: Int, at: UInt64)] = []
        var quiet = 0
        while quiet < 500 {
            let more = receiver.takeArrivals()
            arrivals += more.filter { $0.event >= first }
            if arrivals.count >= count { break }
            quiet = more.isEmpty ? quiet + 1 : 0
            try await Task.sleep(for: .milliseconds(10))
        }
        return arrivals
    }

    func stages(_ event: [UInt8], _ report: inout BenchReport) async throws {
        try await withFolder { own in
            let stages = BenchStages(
                folder: own, blueprint: blueprint, event: event, seconds: min(seconds, 1))
            report.add("stage: read an event", costing: try stages.read())
            report.add("stage: decide where it goes", costing: try stages.decide())
            report.add("stage: map it to its request", costing: try stages.map())
            report.add("stage: map 500 properties", costing: try stages.mapMany(500))
            report.add("stage: commit an event, 100 at once", costing: try await stages.commit())
            let rate = await stages.curl(to: receiver.port)
            report.add("stage: curl, 64 at a time", rate, in: .perSecond)
        }
    }

    // MARK: Parts

    private typealias Measured = (
        before: BenchServer.Usage, after: BenchServer.Usage, load: BenchLoad.Result, memory: Int
    )

    private func measure(
        _ server: BenchServer, connections: Int, batch: Int
    ) async throws -> Measured {
        let load = BenchLoad(
            port: server.port, connections: connections, batch: batch,
            seconds: Self.warmUp + seconds + 0.2)
        async let result = run(load, 0)
        try await Task.sleep(for: .seconds(Self.warmUp))
        let before = try server.usage()
        try await Task.sleep(for: .seconds(seconds))
        let after = try server.usage()
        return (before, after, try await result, server.peakMemory)
    }

    private func run(_ load: BenchLoad, _ first: Int) async throws -> BenchLoad.Result {
        let outcome = Locked<Result<BenchLoad.Result, any Error>?>(nil)
        await blocking {
            let result = Result { try load.run(first: first, run: UInt32.random(in: 0 ... .max)) }
            outcome.withLock { $0 = result }
        }
        return try outcome.withLock { $0 }?.get() ?? BenchLoad.Result()
    }

    private func withServer<Value>(
        _ body: (BenchServer) async throws -> Value
    ) async throws -> Value {
        try await withFolder { own in
            let server = try BenchServer(folder: own, blueprint: blueprint, receiver: receiver.port)
            defer { server.stop() }
            return try await body(server)
        }
    }

    /// A folder that is gone afterwards.
    ///
    /// Its name is short: the path of a Unix socket has hardly more than 100 characters.
    private func withFolder<Value>(
        _ body: (String) async throws -> Value
    ) async throws -> Value {
        let own = folder + "/\(UUID().uuidString.prefix(8))"
        try FileManager.default.createDirectory(atPath: own, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: own) }
        return try await body(own)
    }
}
