import SluiceTesting

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// A Swift file of the repository.
struct SourceFile {
    /// From the repository's folder.
    let path: String
    let text: String
    let lines: [Substring]

    init(path: String) throws {
        self.path = path
        text = try Fixtures.text(path)
        lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    }

    /// The folder below Sources or Tests.
    var module: String { String(path.split(separator: "/")[1]) }
}

/// Every Swift file under Sources and Tests.
func swiftFiles() throws -> [SourceFile] {
    try ["Sources", "Tests"].flatMap { try walk($0) }
        .filter { $0.hasSuffix(".swift") }.map { try SourceFile(path: $0) }
}

/// The paths of all files under a folder.
func walk(_ folder: String) throws -> [String] {
    guard let handle = opendir("\(Fixtures.root)/\(folder)") else {
        throw TestFailure("no \(folder)")
    }
    defer { closedir(handle) }
    var paths: [String] = []
    while let entry = readdir(handle) {
        let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
            pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
        }
        if name.hasPrefix(".") { continue }
        if entry.pointee.d_type == UInt8(DT_DIR) {
            paths += try walk("\(folder)/\(name)")
        } else {
            paths.append("\(folder)/\(name)")
        }
    }
    return paths
}
