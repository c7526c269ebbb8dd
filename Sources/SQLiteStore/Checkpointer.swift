import CSQLite
import Events

/// Copies what was committed from SQLite's log into the file, beside the writer.
///
/// The writer would be kept for tens of milliseconds each time. Once a copy is done the writer only
/// has to catch up with the little that came meanwhile, and the log begins anew.
final class Checkpointer: Sendable {
    /// Pages in the log at which copying begins.
    static let pages = 2_000
    /// Pages at which the writer waits and copies itself, because copying cannot keep up.
    static let mostPages = 32_000

    private enum State { case idle, asked, copying, done, closed }
    private let state = Locked(State.idle)
    private let faults: @Sendable (StoreFault) -> Void
    private let thread = Locked<WorkerThread?>(nil)

    /// - Parameter faults: called on a thread of its own when the file cannot be written.
    init(path: String, busyTimeout: Int32, faults: @escaping @Sendable (StoreFault) -> Void) throws
    {
        self.faults = faults
        let own = Locked<Connection?>(
            try Connection(path: path, mode: .readWrite, busyTimeout: busyTimeout))
        thread.withLock { thread in
            thread = WorkerThread(named: "checkpoint") { [state] in
                guard let connection = own.withLock({ $0.take() }) else { return }
                while Self.waitForWork(state) {
                    Self.checkpoint(connection, faults)
                    state.withLock { if $0 == .copying { $0 = .done } }
                }
            }
        }
    }

    /// What could not be copied now stays in the log; when the disk failed nobody can go on.
    private static func checkpoint(_ connection: Connection, _ faults: (StoreFault) -> Void) {
        do {
            try connection.checkpoint()
        } catch {
            let fault = StoreFault(error)
            if case .fatal = fault { faults(fault) }
        }
    }

    private static func waitForWork(_ state: Locked<State>) -> Bool {
        while true {
            let next = state.wait(atMost: 60_000) { state -> State? in
                if state == .asked { state = .copying }
                return state == .copying || state == .closed ? state : nil
            }
            if let next { return next == .copying }
        }
    }

    /// Called by the writer after each commit.
    func noteCommit(_ writer: Connection) {
        guard writer.logPages >= Self.pages else { return }
        let isDone = state.signal { state in
            if state == .idle { state = .asked }
            return state == .done
        }
        guard isDone || writer.logPages >= Self.mostPages else { return }
        Self.checkpoint(writer, faults)
        state.withLock { if $0 == .done { $0 = .idle } }
    }

    func close() {
        state.signal { $0 = .closed }
        thread.withLock { $0 }?.join()
    }
}
