import Request
import SluiceTesting
import Testing

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
        let homes = [
            "CSQLite": ["SQLiteStore"], "CCurl": ["CurlTransport"],
            "CZlib": ["Ingest", "CurlTransport"],
        ]
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
            "Deliver", "Log",
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

    @Test func `call a connector by its name only in stand-ins, measurements and the demo`() throws
    {
        let places = [
            "Sources/sluice/Mock/", "Sources/sluice/Bench/", "Sources/sluice/Commands/Demo",
            "Sources/SluiceTesting/",
        ]
        for file in try swiftFiles() where file.path.hasPrefix("Sources/") {
            guard !places.contains(where: file.path.hasPrefix) else { continue }
            for (number, line) in file.lines.enumerated() {
                let code = line.split(
                    separator: "//", maxSplits: 1, omittingEmptySubsequences: false)[0]
                // The program's help may say how to try it without an account.
                let isHelp =
                    file.path.hasPrefix("Sources/sluice/") && isInsideText(number, file.lines)
                guard !isHelp else { continue }
                for name in ["vero", "sendpulse"] where code.lowercased().contains(name) {
                    Issue.record("\(file.path):\(number + 1): \(line)")
                }
            }
        }
    }

    @Test func `name the store that the program uses in one file of the program`() throws {
        for file in try swiftFiles() where file.module == "sluice" {
            let isHome = file.path == "Sources/sluice/Composition/DataFolder.swift"
            #expect(isHome || !file.text.contains("SQLite"), "\(file.path)")
        }
    }

    @Test func `use every error code in a test or name it in the README or the manual`() throws {
        let tests = try swiftFiles().filter {
            $0.path.hasPrefix("Tests/") || $0.module == "SluiceTesting"
        }
        let pages = try walk("Sources/sluice/Documentation.docc") + ["README.md"]
        let said = try (tests.map(\.text) + pages.map(Fixtures.text)).joined()
        for file in try swiftFiles()
        where ["Accept", "Ingest", "SQLiteStore"].contains(file.module) {
            for match in file.text.matches(of: /code: "([a-z0-9_]+)"/) {
                let isSaid = said.contains(String(match.1))
                #expect(isSaid, "\(file.path): \(match.1)")
            }
        }
    }

    @Test func `import each other as the manual draws it`() async throws {
        let drawn = try await Program.run([".ci/imports"], program: "/bin/bash")
        #expect(drawn.code == 0, "\(drawn.errors)")
        let article = try Fixtures.text("Sources/sluice/Documentation.docc/Architecture.md")
        let picture = try #require(
            article.firstMatch(of: /<!-- modules -->\n\n```\n((?:.|\n)*?)```/)?.1)
        let (now, before) = (drawn.output.split(separator: "\n"), picture.split(separator: "\n"))
        for line in now where !before.contains(line) { Issue.record("not in the article: \(line)") }
        for line in before where !now.contains(line) { Issue.record("no longer so: \(line)") }
        #expect(drawn.output == picture, "put it into the article with: .ci/imports --write")
    }

    private func imports(_ file: SourceFile) -> [String] {
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
