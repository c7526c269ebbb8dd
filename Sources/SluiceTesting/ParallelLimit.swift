import Events

/// A limit on how many tests do something costly at once, such as running a whole server.
///
/// The testing library starts all tests of a suite at the same time. Each server holds some twenty
/// descriptors, and a common limit for a process is 1,024.
package final class ParallelLimit: Sendable {
    private struct State {
        var free: Int
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    private let state: Locked<State>

    /// Lets `count` run at once.
    package init(_ count: Int) { state = Locked(State(free: count)) }

    /// Runs `body` when its turn has come; the one that has waited longest comes first.
    package func run<Value>(
        _ body: () async throws -> Value
    ) async rethrows -> Value {
        await enter()
        defer { leave() }
        return try await body()
    }

    private func enter() async {
        await withCheckedContinuation { continuation in
            let isFree = state.withLock { state in
                guard state.free > 0 else {
                    state.waiting.append(continuation)
                    return false
                }
                state.free -= 1
                return true
            }
            if isFree { continuation.resume() }
        }
    }

    private func leave() {
        let next = state.withLock { state in
            if state.waiting.isEmpty { state.free += 1 }
            return state.waiting.isEmpty ? nil : state.waiting.removeFirst()
        }
        next?.resume()
    }
}
