import JSON
import SluiceTesting
import Testing

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// The rules of the house, checked by reading the sources.
@Suite struct `The sources` {
    @Test func `have lines of at most 100 columns, but for texts that cannot be broken`() throws {
        for file in try swiftFiles() {
            for (number, line) in file.lines.enumerated() where line.count > 100 {
                let isText = line.contains("\"") || isInsideText(number, file.lines)
                #expect(isText || file.path.hasPrefix("Tests/"), "\(file.path):\(number + 1)")
            }
        }
    }

    @Test func `have files of at most 400 lines`() throws {
        for file in try swiftFiles() { #expect(file.lines.count <= 400, "\(file.path)") }
    }

    @Test func `have functions of at most 70 lines`() throws {
        for file in try swiftFiles() {
            var start: (line: Int, indent: Int)?
            for (number, line) in file.lines.enumerated() {
                let indent = line.prefix { $0 == " " }.count
                let text = line.dropFirst(indent)
                if start == nil, text.contains("func ") || text.hasPrefix("init("),
                    text.hasSuffix("{")
                {
                    start = (number, indent)
                }
                guard let begun = start, text == "}", indent == begun.indent else { continue }
                #expect(number - begun.line <= 70, "\(file.path):\(begun.line + 1)")
                start = nil
            }
        }
    }

    @Test func `name GRDB nowhere, SQLite and libcurl only where they belong`() throws {
        let homes = ["CSQLite": ["SQLiteStore"], "CCurl": ["CurlTransport"], "CZlib": ["Ingest"]]
        for file in try swiftFiles() where file.path.hasPrefix("Sources/") {
            for (module, allowed) in homes where imports(file).contains(module) {
                #expect(allowed.contains(file.module), "\(file.path) imports \(module)")
            }
            #expect(!imports(file).contains("GRDB"), "\(file.path)")
        }
    }

    @Test func `keep the stages free of servers, stores and Foundation`() throws {
        let stages = [
            "JSON", "Events", "Accept", "Identify", "Consent", "Map", "Request", "Pipeline",
            "Deliver",
        ]
        let allowed = Set(stages + ["Crypto", "Glibc", "Darwin"])
        for file in try swiftFiles() where stages.contains(file.module) {
            #expect(Set(imports(file)).subtracting(allowed).isEmpty, "\(file.path)")
        }
    }

    @Test func `read the wall clock and draw random numbers only in the program`() throws {
        let words = [
            "Date()", ".random(in", "CLOCK_REALTIME", "gettimeofday", "Clock.now", "UUID()",
        ]
        for file in try swiftFiles()
        where file.path.hasPrefix("Sources/") && file.module != "sluice" {
            for (number, line) in file.lines.enumerated() where words.contains(where: line.contains)
            {
                Issue.record("\(file.path):\(number + 1)")
            }
        }
    }

    @Test func `hold nothing that must not be merged`() throws {
        // Spelled so that this file does not find itself.
        let words = ["try" + "!", "fatal" + "Error(", "TO" + "DO", "FIX" + "ME", " pr" + "int("]
        for file in try swiftFiles() {
            for (number, line) in file.lines.enumerated() where words.contains(where: line.contains)
            {
                Issue.record("\(file.path):\(number + 1): \(line)")
            }
        }
    }

    @Test func `step outside the compiler's checks only in the one lock`() throws {
        let words = ["@unchecked" + " Sendable", "nonisolated" + "(unsafe)"]
        for file in try swiftFiles() where words.contains(where: file.text.contains) {
            #expect(file.path == "Sources/Events/Locked.swift")
        }
    }

    @Test func `call a connector by its name nowhere but in the stand-in for it`() throws {
        let places = ["Sources/sluice/", "Sources/SluiceTesting/"]
        for file in try swiftFiles() where file.path.hasPrefix("Sources/") {
            guard !places.contains(where: file.path.hasPrefix) else { continue }
            for (number, line) in file.lines.enumerated() {
                let code = line.split(
                    separator: "//", maxSplits: 1, omittingEmptySubsequences: false)[0]
                #expect(!code.lowercased().contains("vero"), "\(file.path):\(number + 1)")
            }
        }
    }

    @Test func `use every error code in a test or name it in the README`() throws {
        let tests = try swiftFiles().filter {
            $0.path.hasPrefix("Tests/") || $0.module == "SluiceTesting"
        }
        let said = try tests.map(\.text).joined() + Fixtures.text("README.md")
        for file in try swiftFiles()
        where ["Accept", "Ingest", "SQLiteStore"].contains(file.module) {
            for match in file.text.matches(of: /code: "([a-z0-9_]+)"/) {
                let isSaid = said.contains(String(match.1))
                #expect(isSaid, "\(file.path): \(match.1)")
            }
        }
    }

    private struct File {
        let path: String
        let text: String
        var lines: [Substring] { text.split(separator: "\n", omittingEmptySubsequences: false) }
        var module: String { String(path.split(separator: "/")[1]) }
    }

    private func swiftFiles() throws -> [File] {
        let paths = try ["Sources", "Tests"].flatMap { try walk($0) }
        return try paths.filter { $0.hasSuffix(".swift") }.map {
            File(path: $0, text: try Fixtures.text($0))
        }
    }

    private func walk(_ folder: String) throws -> [String] {
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

    private func imports(_ file: File) -> [String] {
        file.lines.compactMap { line in
            line.wholeMatch(of: /(?:package |public |@testable )?import ([A-Za-z]+)/).map {
                String($0.1)
            }
        }
    }

    private func isInsideText(_ number: Int, _ lines: [Substring]) -> Bool {
        lines[..<number].reduce(0) { $0 + ($1.contains("\"\"\"") ? 1 : 0) } % 2 == 1
    }
}
