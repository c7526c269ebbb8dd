#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// A thread for work that blocks and must not occupy Swift's shared threads: the store's writer,
/// the builder of requests, libcurl.
package final class WorkerThread: Sendable {
    private let done = Locked(false)

    /// Starts `body` at once.
    ///
    /// - Parameter name: what `top -H` and profilers show; at most 15 characters.
    package init(named name: String = "sluice", _ body: @escaping @Sendable () -> Void) {
        let start = Start { [done] in
            nameThread(name)
            body()
            done.signal { $0 = true }
        }
        // The new thread takes the box over and releases it when `body` has returned.
        let box = Unmanaged.passRetained(start).toOpaque()
        var thread = pthread_t()
        let code = pthread_create(&thread, nil, { runStart($0) }, box)
        precondition(code == 0, "no thread could be started: errno \(code)")
        pthread_detach(thread)
    }

    /// Blocks until the thread's work has returned, and then returns true; false when the span is
    /// over first.
    @discardableResult
    package func join(atMost span: Duration = .minutes(1)) -> Bool {
        done.wait(atMost: span) { $0 ? true : nil } ?? false
    }
}

/// Names the calling thread.
///
/// pthread_setname_np is not in Swift's Glibc.
private func nameThread(_ name: String) {
    let descriptor = open("/proc/thread-self/comm", O_WRONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return }
    _ = write(descriptor, name, name.utf8.count)
    close(descriptor)
}

/// The work of a new thread, in a box that a C pointer can carry.
private final class Start {
    let body: @Sendable () -> Void
    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
}

private func runStart(_ box: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let box else { return nil }
    let start = Unmanaged<Start>.fromOpaque(box).takeRetainedValue()
    start.body()
    return nil
}
