import Events
import Glibc

/// Takes every request on loopback and answers 200, as fast as it can; says what it got.
final class BenchReceiver: Sendable {
    let port: UInt16
    private let listener: LoopbackSocket
    private let seen = Locked<[(event: Int, at: UInt64)]>([])
    private let count = Locked(0)
    private let isStopping = Locked(false)
    private let thread = Locked<WorkerThread?>(nil)

    private static let answer = Array(
        """
        HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 35\r\n\r\n\
        {"status":200,"message":"Success."}
        """.utf8)

    init() throws {
        listener = try LoopbackSocket(listening: 1_024)
        port = listener.port
        thread.withLock { thread in
            thread = WorkerThread(named: "receiver") { [self] in run() }
        }
    }

    var requests: Int { count.withLock { $0 } }

    /// The arrival times of a paced load's events, since this was last asked.
    func takeArrivals() -> [(event: Int, at: UInt64)] {
        seen.withLock { seen in
            defer { seen = [] }
            return seen
        }
    }

    func stop() {
        isStopping.withLock { $0 = true }
        thread.withLock { $0 }?.join()
        listener.close()
    }

    private func run() {
        var sockets: [LoopbackSocket] = []
        var buffers: [[UInt8]] = []
        var polls = [pollfd(fd: listener.descriptor, events: Int16(POLLIN), revents: 0)]
        var chunk = [UInt8](repeating: 0, count: 64 << 10)
        while !isStopping.withLock({ $0 }) {
            guard poll(&polls, nfds_t(polls.count), 100) > 0 else { continue }
            var got = 0
            for index in (1..<polls.count).reversed() where polls[index].revents != 0 {
                let isOpen = sockets[index - 1].read(into: &buffers[index - 1], by: &chunk)
                while let message = HTTPMessage(buffers[index - 1]) {
                    note(buffers[index - 1][message.body])
                    buffers[index - 1].removeFirst(message.count)
                    _ = sockets[index - 1].write(Self.answer[...])
                    got += 1
                }
                guard !isOpen else { continue }
                sockets.remove(at: index - 1).close()
                buffers.remove(at: index - 1)
                polls.remove(at: index)
            }
            if got > 0 { count.withLock { $0 += got } }
            guard polls[0].revents != 0 else { continue }
            let descriptor = accept(listener.descriptor, nil, nil)
            guard descriptor >= 0 else { continue }
            sockets.append(LoopbackSocket(descriptor: descriptor))
            buffers.append([])
            polls.append(pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0))
        }
        for socket in sockets { socket.close() }
    }

    /// Events of a paced load carry their number; the others are only counted.
    private func note(_ body: ArraySlice<UInt8>) {
        guard let number = BenchEvent.tracked(in: body) else { return }
        let now = benchClock()
        seen.withLock { $0.append((number, now)) }
    }
}
