import CSQLite
import Events
import Store

/// Copies what was committed from SQLite's log into the file, beside the writer.
///
/// The writer would be kept for tens of milliseconds each time. Once a copy is done the writer only
/// has to catch up with the little that came meanwhile, and the log begins anew.
final class Checkpointer: Sendable {
    /// Pages in the log at which copying begins.
    static let pages = 2_000
    /// Pages the writer copies itself to catch up; more are copied beside it once more.
    static let leftPages = 500
    /// Pages at which the writer waits and copies itself, because copying cannot keep up.
    static let mostPages = 32_000

    private enum State: Equatable {
        case idle, asked, copying, closed
        /// So many pages of the log are in the file.
        case done(Int)
    }
    private let state = Locked(State.idle)
    private let faults: @Sendable (StoreFault) -> Void
    private let thread = Locked<WorkerThread?>(nil)

    /// - Parameter faults: called on a thread of its own when the file cannot be written.
    init(path: String, busyTimeout: Duration, faults: @escaping @Sendable (StoreFault) -> Void)
        throws
    {
        self.faults = faults
        let connection = try Connection(path: path, mode: .readWrite, busyTimeout: busyTimeout)
        // A connection that has read nothing does not know of the log, and would copy nothing.
        _ = try connection.text("PRAGMA user_version")
        let own = Locked<Connection?>(connection)
        thread.withLock { thread in
            thread = WorkerThread(named: "checkpoint") { [state] in
                guard let connection = own.withLock({ $0.take() }) else { return }
                while Self.waitForWork(state) {
                    let copied = Self.checkpoint(connection, faults)
                    state.withLock { if $0 == .copying { $0 = .done(copied) } }
                }
            }
        }
    }

    /// Copies what readers allow.
    ///
    /// The rest stays in the log; a disk that failed is a fatal fault.
    private static func checkpoint(
        _ connection: Connection, _ faults: (StoreFault) -> Void
    ) -> Int {
        do {
            return try connection.checkpoint()
        } catch {
            let fault = StoreFault(error)
            if case .fatal = fault { faults(fault) }
            return 0
        }
    }

    private static func waitForWork(_ state: Locked<State>) -> Bool {
        while true {
            let next = state.wait(atMost: .minutes(1)) { state -> State? in
                if state == .asked { state = .copying }
                return state == .copying || state == .closed ? state : nil
            }
            if let next { return next == .copying }
        }
    }

    /// Has the log copied when it has grown; the writer calls this after each commit.
    func copyLog(of writer: Connection) {
        guard writer.logPages >= Self.pages else { return }
        let isDone = state.signal { state in
            if case .done(let copied) = state {
                if writer.logPages - copied <= Self.leftPages { return true }
                state = .asked
            }
            if state == .idle { state = .asked }
            return false
        }
        guard isDone || writer.logPages >= Self.mostPages else { return }
        _ = Self.checkpoint(writer, faults)
        state.withLock { if case .done = $0 { $0 = .idle } }
    }

    /// True when so little of the log is left to copy that the writer may do it and cut the log.
    ///
    /// Else the log is copied beside the writer first; ask again a little later.
    func mayCutLog(of writer: Connection) -> Bool {
        if writer.logPages <= Self.leftPages { return true }
        return state.signal { state in
            if case .done(let copied) = state, writer.logPages - copied <= Self.leftPages {
                state = .idle
                return true
            }
            switch state {
            case .idle, .done: state = .asked
            case .asked, .copying, .closed: break
            }
            return false
        }
    }

    func close() {
        state.signal { $0 = .closed }
        thread.withLock { $0 }?.join()
    }
}
