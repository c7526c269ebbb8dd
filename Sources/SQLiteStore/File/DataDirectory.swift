package import Events

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// The folder a store lives in, held by one program at a time.
package final class DataDirectory: Sendable {
    package let path: String
    private let descriptor: Int32

    /// Creates the folder when it is missing (0700) and takes its lock.
    ///
    /// The lock belongs to the open file, so that it ends with the process, however that ends.
    package init(_ path: String) throws(Problem) {
        self.path = path
        umask(0o077)
        Self.create(path)
        descriptor = open(path + "/lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw Problem(
                code: "data_directory",
                message:
                    "The data directory \(path) cannot be used: \(String(cString: strerror(errno))).",
                hint: "Name another one with --data, or correct its owner and permissions.")
        }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            close(descriptor)
            throw Problem(
                code: "data_directory_in_use",
                message: "Another sluice works on the data directory \(path).",
                hint: "Stop it first, or name another directory with --data.")
        }
    }

    deinit { close(descriptor) }

    /// Bytes of a Unix socket's path (unix(7): 108 with the NUL).
    private static let longestSocketPath = 107

    /// Refuses a folder whose path leaves no room for the server's socket.
    package static func checkLength(_ directory: String) throws(Problem) {
        let count = socketPath(directory).utf8.count
        guard count > longestSocketPath else { return }
        throw Problem(
            code: "data_directory",
            message:
                "The path of the data directory is \(count - longestSocketPath) bytes too long.",
            hint: "The socket in it may have \(longestSocketPath); name a shorter one with --data.")
    }

    /// The socket over which commands reach the server that holds this folder.
    package static func socketPath(_ directory: String) -> String { directory + "/sluice.sock" }

    /// True when a store was ever made in a folder.
    package static func hasStore(_ directory: String) -> Bool {
        access(directory + "/sluice.db", F_OK) == 0
    }

    private static func create(_ path: String) {
        var prefix = path.hasPrefix("/") ? "/" : ""
        for part in path.split(separator: "/") {
            prefix += part
            mkdir(prefix, 0o700)
            prefix += "/"
        }
    }
}
