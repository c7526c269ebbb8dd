import Events
package import Foundation
import JSON

/// The built program, run as a process.
package struct Program {
    package static let path: String = {
        let own =
            (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        for folder in [own.split(separator: "/").dropLast().joined(separator: "/"), ""] {
            let candidate = "/" + folder + "/sluice"
            if FileManager.default.isExecutableFile(atPath: candidate) { return candidate }
        }
        return Fixtures.root + "/.build/debug/sluice"
    }()

    private static let starting = Locked(())

    /// Starts one process at a time: Foundation's copy of the environment is not safe otherwise.
    package static func start(_ process: Process) throws {
        try starting.withLock { _ in try process.run() }
    }

    package struct Result: Sendable {
        package let code: Int32
        package let output: String
        package let errors: String
    }

    package static func process(
        _ arguments: [String], environment: [String: String] = [:], program: String = path,
        folder: String = Fixtures.root
    ) -> Process {
        let process = Process()
        process.executableURL = URL(filePath: program)
        process.arguments = arguments
        process.currentDirectoryURL = URL(filePath: folder)
        process.environment = environment.merging(["PATH": "/usr/bin:/bin"]) { first, _ in first }
        return process
    }

    /// Runs a command to its end, on a thread of its own: what it talks to may need this one.
    package static func run(
        _ arguments: [String], environment: [String: String] = [:],
        program: String = path, folder: String = Fixtures.root
    ) async throws -> Result {
        try await offPool {
            try runBlocking(arguments, environment: environment, program, folder)
        }
    }

    private static func runBlocking(
        _ arguments: [String], environment: [String: String], _ program: String, _ folder: String
    ) throws -> Result {
        let process = process(
            arguments, environment: environment, program: program, folder: folder)
        let output = Pipe()
        let errors = Pipe()
        process.standardOutput = output
        process.standardError = errors
        try start(process)
        let said = output.fileHandleForReading.readDataToEndOfFile()
        let complained = errors.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return Result(
            code: process.terminationStatus, output: String(decoding: said, as: UTF8.self),
            errors: String(decoding: complained, as: UTF8.self))
    }
}

/// Runs what blocks on a thread of its own.
package func offPool<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws
    -> Value
{
    try await withCheckedThrowingContinuation { continuation in
        _ = WorkerThread { continuation.resume(with: Swift.Result { try body() }) }
    }
}

/// A server process on a port of its own, for tests that end it the hard way.
package final class ServerProcess: Sendable {
    package let url: String
    private let process: Process

    /// Where its built-in stand-in for Vero listens, when it has one.
    package let veroURL: String

    /// Starts `sluice serve` and waits until it takes events.
    package init(
        data: String, environment: [String: String], config: String = "pipeline.example.json",
        more: [String] = [], under wrapper: [String] = []
    ) async throws {
        let errors = Pipe()
        let serve =
            [
                "serve", "--config", config, "--data", data, "--listen", "127.0.0.1:0",
            ] + more
        let process =
            wrapper.isEmpty
            ? Program.process(serve, environment: environment)
            : Program.process(
                Array(wrapper.dropFirst()) + [Program.path] + serve, environment: environment,
                program: wrapper[0])
        process.standardError = errors
        process.standardOutput = FileHandle.nullDevice
        try Program.start(process)
        self.process = process
        let reading = errors.fileHandleForReading
        let said = try await offPool {
            var said = ""
            while !said.contains("Listening on ") {
                let data = reading.availableData
                guard !data.isEmpty else { throw TestFailure("the server did not start: \(said)") }
                said += String(decoding: data, as: UTF8.self)
            }
            return said
        }
        guard let match = said.firstMatch(of: /Listening on (http:\/\/[0-9.:]+)/) else {
            throw TestFailure("no address in: \(said)")
        }
        url = String(match.1)
        // What it says later has to be read, or its pipe is full one day.
        _ = WorkerThread { while !reading.availableData.isEmpty {} }
        veroURL =
            said.firstMatch(of: /stand-in at ([0-9.:]+):/).map { "http://\($0.1)/api/v2" } ?? ""
    }

    /// Asks it to read its configuration again.
    package func hangUp() { Foundation.kill(process.processIdentifier, SIGHUP) }

    /// Stops it where it is; what it had not written to the disk is not written.
    package func freeze() { Foundation.kill(process.processIdentifier, SIGSTOP) }

    package func kill() async throws {
        Foundation.kill(process.processIdentifier, SIGKILL)
        try await offPool { [process] in process.waitUntilExit() }
    }

    /// Asks it to stop; gives its exit code.
    package func terminate() async throws -> Int32 {
        process.terminate()
        return try await offPool { [process] in
            process.waitUntilExit()
            return process.terminationStatus
        }
    }
}
