import Events

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// The built program, run as a child process.
package enum Program {
    /// Where the program lies: beside the tests' own program, else in the debug build.
    package static let path: String = {
        let own = resolveLink("/proc/self/exe") ?? ""
        let beside = own.split(separator: "/").dropLast().map { "/" + $0 }.joined() + "/sluice"
        return access(beside, X_OK) == 0 ? beside : Fixtures.root + "/.build/debug/sluice"
    }()

    /// The outcome of a command that has ended.
    package struct Result: Sendable {
        package let code: Int32
        package let output: String
        package let errors: String
    }

    /// Starts a command, by default the built program in the repository's folder.
    package static func start(
        _ arguments: [String], environment: [String: String] = [:], program: String = path,
        folder: String = Fixtures.root
    ) throws -> ChildProcess {
        try ChildProcess(
            program, arguments: arguments,
            environment: environment.merging(["PATH": "/usr/bin:/bin"]) { first, _ in first },
            folder: folder)
    }

    /// Commands that run at once; more would only share the same few processors.
    private static let running = ParallelLimit(8)

    /// Runs a command to its end.
    package static func run(
        _ arguments: [String], environment: [String: String] = [:],
        program: String = path, folder: String = Fixtures.root
    ) async throws -> Result {
        try await running.run {
            let child = try start(
                arguments, environment: environment, program: program, folder: folder)
            async let output = offPool { child.output.readToEnd() }
            async let errors = offPool { child.errors.readToEnd() }
            return Result(
                code: await child.ending().code, output: try await output, errors: try await errors)
        }
    }

    private static func resolveLink(_ path: String) -> String? {
        var bytes = [CChar](repeating: 0, count: 4096)
        let count = readlink(path, &bytes, bytes.count)
        guard count > 0 else { return nil }
        return String(decoding: bytes[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}

/// Runs blocking work on a thread of its own, so that the concurrency pool keeps its threads.
package func offPool<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws
    -> Value
{
    try await withCheckedThrowingContinuation { continuation in
        _ = WorkerThread { continuation.resume(with: Swift.Result { try body() }) }
    }
}

/// Writes a line to standard error, for the tables that CI collects.
package func writeToStandardError(_ line: String) {
    let bytes = Array((line + "\n").utf8)
    _ = write(STDERR_FILENO, bytes, bytes.count)
}

/// A variable of the test process's own environment; nil when it is not set.
package func environmentVariable(_ name: String) -> String? {
    getenv(name).map { String(cString: $0) }
}
