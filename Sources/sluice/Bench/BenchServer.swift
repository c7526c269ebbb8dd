import Events
import FoundationEssentials
import Glibc
import JSON

/// A server of its own process with a fresh store, which delivers to the bench's receiver.
final class BenchServer {
    let port: UInt16
    let data: String
    private let metricsPort: UInt16
    private let process: pid_t

    /// The process's use of the machine up to a moment.
    struct Usage {
        var cpuSeconds = 0.0
        var bytesWritten = 0
        var accepted = 0
        /// Delivered, and committed to the log.
        var delivered = 0
    }

    /// The time the server gets to listen, and between two looks.
    private static let patience: Duration = .seconds(20)
    private static let pause: Duration = .milliseconds(20)

    init(folder: String, blueprint: String, receiver: UInt16) throws {
        let free = try (0..<2).map { _ in try LoopbackSocket(listening: 1) }
        (port, metricsPort) = (free[0].port, free[1].port)
        for socket in free { socket.close() }
        data = folder + "/data"
        let file = folder + "/pipeline.json"
        try Self.pipeline(
            port: port, metrics: metricsPort, data: data, blueprint: blueprint, receiver: receiver
        )
        .write(toFile: file, atomically: false, encoding: .utf8)
        process = try Self.start(["serve", "--config", file], log: folder + "/server.log")
        try waitUntilReady(folder + "/server.log")
    }

    private static func pipeline(
        port: UInt16, metrics: UInt16, data: String, blueprint: String, receiver: UInt16
    ) -> String {
        """
        { "listen": "127.0.0.1:\(port)", "metrics": "127.0.0.1:\(metrics)", "data": "\(data)",
          "allow_private": "127.0.0.0/8",
          "sources": { "bench": { "kind": "server", "keys": ["\(BenchLoad.key)"] } },
          "destinations": { "vero": { "blueprint": "\(blueprint)", "preset": "default",
            "parameters": { "auth_token": "bench", "base_url": "http://127.0.0.1:\(receiver)" },
            "consent": { "require": ["marketing"], "missing": "deny" } } } }
        """
    }

    private static func start(_ arguments: [String], log: String) throws -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        for target in [STDOUT_FILENO, STDERR_FILENO] {
            posix_spawn_file_actions_addopen(
                &actions, target, log, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        }
        var words = (["sluice"] + arguments).map { strdup($0) } + [nil]
        defer { for word in words { free(word) } }
        var process: pid_t = 0
        let code = posix_spawn(&process, "/proc/self/exe", &actions, nil, &words, environ)
        guard code == 0 else {
            throw Problem(
                code: "bench", message: "The server could not be started: errno \(code).",
                hint: "See what limits the number of processes.")
        }
        return process
    }

    private func waitUntilReady(_ log: String) throws {
        for _ in 0..<Self.patience.milliseconds / Self.pause.milliseconds {
            if let answer = try? get("/readyz", port), answer.contains("ready") { return }
            usleep(UInt32(Self.pause.milliseconds) * 1_000)
        }
        let said = (try? readFile(log)).map { String(decoding: $0, as: UTF8.self) } ?? ""
        stop()
        throw Problem(
            code: "bench", message: "The server did not start. \(said)", hint: "Correct that first."
        )
    }

    /// Ends it as an operator would; what was accepted stays in its folder.
    func stop() {
        kill(process, SIGTERM)
        var status: Int32 = 0
        waitpid(process, &status, 0)
    }

    // MARK: What it says of itself

    func usage() throws -> Usage {
        var usage = Usage()
        let page = try get("/metrics", metricsPort)
        usage.accepted = Self.sum(of: page, "sluice_events_accepted_total{")
        usage.delivered = Self.sum(
            of: page, "sluice_deliveries_total{", holding: "state=\"delivered\"")
        let fields = text("stat").split(separator: ")").last?.split(separator: " ") ?? []
        // utime and stime: fields 14 and 15 of proc(5), in ticks.
        let ticks = fields.count > 12 ? (Int(fields[11]) ?? 0) + (Int(fields[12]) ?? 0) : 0
        usage.cpuSeconds = Double(ticks) / Double(sysconf(Int32(_SC_CLK_TCK)))
        usage.bytesWritten = number("io", "write_bytes:")
        return usage
    }

    /// The most memory it has had, in bytes.
    var peakMemory: Int { number("status", "VmHWM:") << 10 }

    private func text(_ name: String) -> String {
        (try? readFile("/proc/\(process)/\(name)")).map { String(decoding: $0, as: UTF8.self) }
            ?? ""
    }

    private func number(_ file: String, _ name: String) -> Int {
        let line = text(file).split(separator: "\n").first { $0.hasPrefix(name) }
        let word = line?.dropFirst(name.count).split { $0 == " " || $0 == "\t" }.first
        return word.flatMap { Int($0) } ?? 0
    }

    private static func sum(of page: String, _ start: String, holding part: String = "") -> Int {
        page.split(separator: "\n").filter { $0.hasPrefix(start) && $0.contains(part) }
            .compactMap { $0.split(separator: " ").last.flatMap { Int($0) } }.reduce(0, +)
    }

    private func get(_ path: String, _ port: UInt16) throws -> String {
        let socket = try LoopbackSocket(connectingTo: port)
        defer { socket.close() }
        let request = "GET \(path) HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
        _ = socket.write(Array(request.utf8)[...])
        var buffer: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 64 << 10)
        var polls = [pollfd(fd: socket.descriptor, events: Int16(POLLIN), revents: 0)]
        while poll(&polls, 1, 5_000) > 0, socket.read(into: &buffer, by: &chunk) {
            if let message = HTTPMessage(buffer) {
                return String(decoding: buffer[message.body], as: UTF8.self)
            }
        }
        throw Problem(
            code: "bench", message: "The server does not answer \(path).",
            hint: "Run it again; if it happens again, report it.")
    }
}
