import Events
import Logging

/// Log lines on their way to standard error.
///
/// A thread of their own writes them, so that a reader who does not read keeps nobody: what does
/// not fit is counted and said later.
final class LogLines: Sendable {
    static let standardError = LogLines { Terminal.standard.writeError($0) }

    private struct Waiting {
        var lines: [String] = []
        var dropped = 0
    }
    private let waiting = Locked(Waiting())
    private let thread = Locked<WorkerThread?>(nil)

    /// Lines that may wait.
    private static let limit = 1_000

    init(_ write: @escaping @Sendable (String) -> Void) {
        let waiting = waiting
        thread.withLock { thread in
            thread = WorkerThread(named: "log") {
                while true {
                    let taken = waiting.wait(atMost: .minutes(1)) { waiting -> Waiting? in
                        guard !waiting.lines.isEmpty else { return nil }
                        defer { waiting = Waiting() }
                        return waiting
                    }
                    for line in taken?.lines ?? [] { write(line) }
                    if let dropped = taken?.dropped, dropped > 0 {
                        write("\(dropped) log lines were left out: nobody read them in time.")
                    }
                }
            }
        }
    }

    func add(_ line: String) {
        waiting.signal { waiting in
            if waiting.lines.count < Self.limit {
                waiting.lines.append(line)
            } else {
                waiting.dropped += 1
            }
        }
    }
}

/// Writes the libraries' and the server's log, one line for each message.
struct LineLogHandler: LogHandler {
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.warning
    let lines: LogLines
    let clock: WorldClock

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let more = metadata.merging(event.metadata ?? [:]) { $1 }
            .sorted { $0.key < $1.key }.map { " \($0.key)=\($0.value)" }.joined()
        lines.add(
            printable("\(clock.now().iso8601) \(event.level): \(event.message)\(more)"))
    }
}
