import Events

#if canImport(Glibc)
import Glibc
#else
import Darwin
import JSON
#endif

/// The bytes of a file; `-` reads standard input.
///
/// Read to its end whatever it is: a pipe has no size to ask for.
func readFile(_ path: String) throws -> [UInt8] {
    let unreadable = Problem(
        code: "no_such_file", message: "The file \(path) cannot be read.",
        hint: path == "pipeline.json"
            ? "Copy pipeline.example.json to it, or name another one with --config."
            : "Check the path and its permissions.")
    let descriptor = path == "-" ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw unreadable }
    defer { if descriptor != STDIN_FILENO { close(descriptor) } }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 64 << 10)
    while true {
        let count = read(descriptor, &chunk, chunk.count)
        if count == 0 { return bytes }
        if count < 0, errno == EINTR { continue }
        guard count > 0 else { throw unreadable }
        bytes += chunk[..<count]
    }
}

/// The folder a file lies in; what it names is relative to that.
func folder(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
}

/// A path as a configuration file in `folder` means it.
func resolve(_ path: String, in folder: String) -> String {
    if path.hasPrefix("/") || folder == "." { return path }
    return folder + "/" + (path.hasPrefix("./") ? String(path.dropFirst(2)) : path)
}
