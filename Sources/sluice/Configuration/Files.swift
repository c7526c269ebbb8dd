import Events
import FoundationEssentials

/// The bytes of a file; `-` reads standard input.
func readFile(_ path: String) throws -> [UInt8] {
    do {
        return Array(try Data(contentsOf: URL(filePath: path == "-" ? "/dev/stdin" : path)))
    } catch {
        throw Problem(
            code: "no_such_file", message: "The file \(path) cannot be read.",
            hint: path == "pipeline.json"
                ? "Copy pipeline.example.json to it, or name another one with --config."
                : "Check the path and its permissions.")
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
