// Child processes of tests, started with posix_spawn.
//
// Foundation's `Process` is not used: it crashes now and then in a process with many threads and
// many open files. A child starts with its standard streams and no other descriptor, with no signal
// blocked or ignored, and is reaped by a thread of its own. A signal is sent only while the child
// has not been reaped, so it can never reach another process that got the same number.

import CSpawn
import Events
import Glibc

/// A program that was started as a child of the test process.
package final class ChildProcess: Sendable {
    /// How a child ended: by itself with a code, or by a signal.
    package enum Ending: Equatable, Sendable {
        case exited(Int32)
        case killed(signal: Int32)

        /// The code as a shell gives it: 128 and the number of the signal that killed it.
        package var code: Int32 {
            switch self {
            case .exited(let code): code
            case .killed(let signal): 128 + signal
            }
        }
    }

    private struct State {
        var ending: Ending?
        var waiting: [CheckedContinuation<Ending, Never>] = []
    }

    /// The child's standard output, to be read to its end.
    package let output: PipeReader
    /// The child's standard error, to be read to its end.
    package let errors: PipeReader
    private let identifier: pid_t
    private let state = Locked(State())

    /// Starts a program; its standard input is empty.
    ///
    /// - Parameters:
    ///   - arguments: without the program's own name.
    ///   - environment: all of it; nothing is inherited.
    ///   - folder: where the child works.
    package init(
        _ program: String, arguments: [String], environment: [String: String], folder: String
    ) throws {
        let (output, outputWriter) = try PipeReader.open()
        defer { close(outputWriter) }
        let (errors, errorsWriter) = try PipeReader.open()
        defer { close(errorsWriter) }
        self.output = output
        self.errors = errors
        identifier = try spawn(
            [program] + arguments, environment: environment.map { "\($0)=\($1)" },
            folder: folder, output: outputWriter, errors: errorsWriter)
        _ = WorkerThread(named: "child") { [identifier, state] in
            Self.reap(identifier, into: state)
        }
    }

    /// Waits until the child has ended.
    package func ending() async -> Ending {
        await withCheckedContinuation { continuation in
            let ending = state.withLock { state in
                if state.ending == nil { state.waiting.append(continuation) }
                return state.ending
            }
            if let ending { continuation.resume(returning: ending) }
        }
    }

    /// Sends a signal; does nothing when the child has ended.
    package func send(signal: Int32) {
        state.withLock { state in
            if state.ending == nil { _ = kill(identifier, signal) }
        }
    }

    /// Blocks until the child ends, then reaps it and resumes whoever waits.
    private static func reap(_ identifier: pid_t, into state: Locked<State>) {
        var seen = siginfo_t()
        // WNOWAIT leaves the child unreaped: its number stays taken until `state` knows.
        while waitid(P_PID, id_t(identifier), &seen, WEXITED | WNOWAIT) != 0, errno == EINTR {}
        let (ending, waiting) = state.withLock { state in
            var status: Int32 = 0
            while waitpid(identifier, &status, 0) < 0, errno == EINTR {}
            let signal = status & 0x7F
            let ending =
                signal == 0 ? Ending.exited((status >> 8) & 0xFF) : .killed(signal: signal)
            defer { state.waiting = [] }
            state.ending = ending
            return (ending, state.waiting)
        }
        for continuation in waiting { continuation.resume(returning: ending) }
    }
}

/// The reading end of a pipe; it is closed with the value.
package final class PipeReader: Sendable {
    private let descriptor: Int32

    private init(_ descriptor: Int32) { self.descriptor = descriptor }

    deinit { close(descriptor) }

    /// Makes a pipe that no child inherits; the caller closes the writing end.
    fileprivate static func open() throws -> (PipeReader, writer: Int32) {
        var ends: [Int32] = [0, 0]
        guard pipe2(&ends, O_CLOEXEC) == 0 else { throw TestFailure("no pipe: errno \(errno)") }
        return (PipeReader(ends[0]), ends[1])
    }

    /// Blocks until something comes; nil when the pipe has ended.
    package func readSome() -> [UInt8]? {
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = read(descriptor, &chunk, chunk.count)
            if count > 0 { return Array(chunk[..<count]) }
            guard count < 0, errno == EINTR else { return nil }
        }
    }

    /// Blocks until the pipe ends; gives all that came.
    package func readToEnd() -> String {
        var bytes: [UInt8] = []
        while let some = readSome() { bytes += some }
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// Starts a process with posix_spawn.
private func spawn(
    _ command: [String], environment: [String], folder: String, output: Int32, errors: Int32
) throws -> pid_t {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO)
    posix_spawn_file_actions_adddup2(&actions, errors, STDERR_FILENO)
    posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1)
    posix_spawn_file_actions_addchdir_np(&actions, folder)

    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var signals = sigset_t()
    // Threads of the concurrency pool block signals, and a child inherits that.
    sigemptyset(&signals)
    posix_spawnattr_setsigmask(&attributes, &signals)
    sigfillset(&signals)
    posix_spawnattr_setsigdefault(&attributes, &signals)
    posix_spawnattr_setflags(
        &attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))

    let arguments = command.map { strdup($0) } + [nil]
    let variables = environment.map { strdup($0) } + [nil]
    defer { for text in arguments + variables { free(text) } }
    var identifier = pid_t()
    let code = posix_spawn(
        &identifier, command[0], &actions, &attributes, arguments, variables)
    guard code == 0 else { throw TestFailure("\(command[0]) did not start: errno \(code)") }
    return identifier
}
