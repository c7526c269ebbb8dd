import Events

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// A server on loopback that does, byte for byte, what a test tells it to: well or badly.
package final class RawServer: Sendable {
    package let port: Int
    private let listener: Int32

    /// One accepted connection.
    package struct Connection: Sendable {
        fileprivate let descriptor: Int32
        /// How many connections came before this one.
        package let number: Int

        /// Reads one request, head and body; nil when the peer has closed.
        package func readRequest() -> String? {
            var bytes: [UInt8] = []
            var chunk = [UInt8](repeating: 0, count: 65_536)
            while true {
                let text = String(decoding: bytes, as: UTF8.self)
                if let head = text.firstRange(of: "\r\n\r\n") {
                    let length =
                        text[..<head.lowerBound].lowercased()
                        .firstMatch(of: /content-length: *([0-9]+)/).flatMap { Int($0.1) } ?? 0
                    if text[head.upperBound...].utf8.count >= length { return text }
                }
                let count = recv(descriptor, &chunk, chunk.count, 0)
                guard count > 0 else { return nil }
                bytes += chunk[..<count]
            }
        }

        /// Writes as much as the peer takes; says whether it took all of it.
        @discardableResult
        package func write(_ text: String) -> Bool { write(bytes: Array(text.utf8)) }

        /// The same for bytes that are no text.
        @discardableResult
        package func write(bytes: [UInt8]) -> Bool {
            send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count
        }

        /// Closes so that the peer sees a reset.
        package func reset() {
            var linger = linger(l_onoff: 1, l_linger: 0)
            setsockopt(
                descriptor, SOL_SOCKET, SO_LINGER, &linger,
                socklen_t(MemoryLayout.size(ofValue: linger)))
        }

        /// Waits until the peer gives up.
        package func waitForClose() { while readRequest() != nil {} }
    }

    /// Runs `serve` for each connection on a thread of its own and closes the connection after it.
    package init(_ serve: @escaping @Sendable (Connection) -> Void) throws {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        self.listener = listener
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                bind(listener, address, length) == 0 && listen(listener, 64) == 0
                    && getsockname(listener, address, &length) == 0
            }
        }
        guard bound else { throw TestFailure("no loopback port") }
        port = Int(UInt16(bigEndian: address.sin_port))
        _ = WorkerThread {
            var number = 0
            while true {
                let descriptor = accept(listener, nil, nil)
                guard descriptor >= 0 else { return }
                let connection = Connection(descriptor: descriptor, number: number)
                number += 1
                _ = WorkerThread {
                    serve(connection)
                    close(descriptor)
                }
            }
        }
    }

    deinit {
        shutdown(listener, Int32(SHUT_RDWR))
        close(listener)
    }

    /// Answers every request of every connection with the same text.
    package static func answering(_ answer: String) throws -> RawServer {
        try RawServer { connection in
            while connection.readRequest() != nil { connection.write(answer) }
        }
    }

    package var url: String { "http://127.0.0.1:\(port)/" }
}

/// Sends bytes to a loopback port as they are, and gives what comes back.
package enum RawClient {
    /// Sends and goes away without waiting for an answer.
    package static func post(port: Int, _ text: String) {
        guard let connection = try? connect(port: port) else { return }
        connection.write(text)
        close(connection.descriptor)
    }

    private static func connect(port: Int) throws -> RawServer.Connection {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let code = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(descriptor, $0, length)
            }
        }
        guard code == 0 else { throw TestFailure("nobody listens on \(port)") }
        return RawServer.Connection(descriptor: descriptor, number: 0)
    }

    /// Sends, sends no more, and reads until the peer closes.
    package static func all(port: Int, _ text: String) throws -> String {
        let connection = try connect(port: port)
        defer { close(connection.descriptor) }
        connection.write(text)
        shutdown(connection.descriptor, Int32(SHUT_WR))
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4096)
        while case let count = read(connection.descriptor, &chunk, chunk.count), count > 0 {
            bytes += chunk[..<count]
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Reads until the peer closes or a complete head with its Content-Length has come.
    package static func exchange(port: Int, _ text: String) throws -> String {
        let connection = try connect(port: port)
        defer { close(connection.descriptor) }
        connection.write(text)
        return connection.readRequest() ?? ""
    }
}
