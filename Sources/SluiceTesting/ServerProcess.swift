import Events

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// A server process on a port of its own, for tests that end it the hard way.
package final class ServerProcess: Sendable {
    /// Where it takes events.
    package let url: String
    /// Where its built-in stand-in listens; empty when it has none.
    package let veroURL: String
    private let process: ChildProcess

    /// Starts `sluice serve` and waits until it takes events.
    ///
    /// - Parameters:
    ///   - data: the data directory.
    ///   - more: further arguments of `serve`.
    ///   - wrapper: a program and its arguments that start the server, such as `eatmydata`.
    package init(
        data: String, environment: [String: String], config: String = "pipeline.example.json",
        more: [String] = [], under wrapper: [String] = []
    ) async throws {
        let serve =
            ["serve", "--config", config, "--data", data, "--listen", "127.0.0.1:0"] + more
        let command = wrapper + [Program.path] + serve
        let process = try Program.start(
            Array(command.dropFirst()), environment: environment, program: command[0])
        self.process = process
        let said = try await offPool { try Self.readUntilListening(process.errors) }
        guard let match = said.firstMatch(of: /Listening on (http:\/\/[0-9.:]+)/) else {
            throw TestFailure("no address in: \(said)")
        }
        url = String(match.1)
        veroURL =
            said.firstMatch(of: /stand-in at ([0-9.:]+):/).map { "http://\($0.1)/api/v2" } ?? ""
        // A pipe that nobody reads is full one day, and the server would wait.
        for reader in [process.output, process.errors] {
            _ = WorkerThread { while reader.readSome() != nil {} }
        }
    }

    /// A test that failed leaves no server behind.
    deinit { process.send(signal: SIGKILL) }

    private static func readUntilListening(_ reader: PipeReader) throws -> String {
        var said = ""
        while !said.contains("Listening on ") {
            guard let bytes = reader.readSome() else {
                throw TestFailure("the server did not start: \(said)")
            }
            said += String(decoding: bytes, as: UTF8.self)
        }
        return said
    }

    /// Asks it to read its configuration again.
    package func hangUp() { process.send(signal: SIGHUP) }

    /// Stops it where it is; what it had not written to the disk is not written.
    package func freeze() { process.send(signal: SIGSTOP) }

    /// Kills it and waits until it is gone.
    package func kill() async throws {
        process.send(signal: SIGKILL)
        _ = await process.ending()
    }

    /// Asks it to stop; gives its exit code.
    package func terminate() async throws -> Int32 {
        process.send(signal: SIGTERM)
        return await process.ending().code
    }
}
