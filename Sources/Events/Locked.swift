#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// A value behind a pthread mutex, with a condition to wait on.
///
/// pthread on purpose: Thread Sanitizer misreads `Synchronization.Mutex` on Linux. The closure must
/// not block and must not take a second lock.
package final class Locked<Value>: @unchecked Sendable {
    private var value: Value
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let condition: UnsafeMutablePointer<pthread_cond_t>

    package init(_ value: sending Value) {
        self.value = value
        mutex = .allocate(capacity: 1)
        mutex.initialize(to: pthread_mutex_t())
        pthread_mutex_init(mutex, nil)
        condition = .allocate(capacity: 1)
        condition.initialize(to: pthread_cond_t())
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_cond_init(condition, &attributes)
        pthread_condattr_destroy(&attributes)
    }

    deinit {
        pthread_cond_destroy(condition)
        condition.deallocate()
        pthread_mutex_destroy(mutex)
        mutex.deallocate()
    }

    package func withLock<Result>(_ body: (inout Value) throws -> Result) rethrows -> Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return try body(&value)
    }

    /// Changes the value and wakes whoever waits.
    package func signal<Result>(_ body: (inout Value) -> Result) -> Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        let result = body(&value)
        pthread_cond_broadcast(condition)
        return result
    }

    /// Waits until `body` gives something or the span is over; then nil.
    package func wait<Result>(
        atMost span: Duration, until body: (inout Value) -> Result?
    ) -> Result? {
        wait(atMost: span.milliseconds, until: body)
    }

    /// Waits until `body` gives something or `milliseconds` have passed; then nil.
    package func wait<Result>(
        atMost milliseconds: Int64, until body: (inout Value) -> Result?
    ) -> Result? {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        var deadline = timespec()
        clock_gettime(CLOCK_MONOTONIC, &deadline)
        let nanoseconds = Int64(deadline.tv_nsec) + (milliseconds % 1000) * 1_000_000
        deadline.tv_sec += Int(milliseconds / 1000 + nanoseconds / 1_000_000_000)
        deadline.tv_nsec = Int(nanoseconds % 1_000_000_000)
        while true {
            if let result = body(&value) { return result }
            if pthread_cond_timedwait(condition, mutex, &deadline) == ETIMEDOUT {
                return body(&value)
            }
        }
    }
}

/// A thread of our own for work that blocks: the store's writer, the builder of requests, libcurl.
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

    /// Blocks until the thread's work has returned, or the time is over; says whether it has.
    @discardableResult
    package func join(atMost milliseconds: Int64 = 60_000) -> Bool {
        done.wait(atMost: milliseconds) { $0 ? true : nil } ?? false
    }
}

/// pthread_setname_np is not in Swift's Glibc.
private func nameThread(_ name: String) {
    let descriptor = open("/proc/thread-self/comm", O_WRONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return }
    _ = write(descriptor, name, name.utf8.count)
    close(descriptor)
}

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
