package import JSON

/// A JSON file that a person wrote, read with positions so that errors can point into it.
///
/// Faults are collected, not thrown one by one: a person wants to see all of them.
package final class ConfigurationFile {
    /// The file's name, for the errors.
    package let name: String
    /// The file's JSON.
    package let document: JSONDocument
    /// The faults that were reported so far.
    package private(set) var faults: [Diagnostic] = []

    /// Parses the file; a syntax error is thrown as one fault with its place.
    package init(name: String, bytes: [UInt8]) throws(Diagnostics) {
        self.name = name
        do {
            document = try JSONReader.read(bytes)
        } catch {
            let place = lineAndColumn(of: error.offset, in: bytes)
            throw Diagnostics([
                Diagnostic(
                    file: name, line: place.line, column: place.column, message: error.message,
                    fix: "Correct the JSON here.")
            ])
        }
    }

    /// The file's outermost value.
    package var root: ConfigurationValue { ConfigurationValue(file: self, json: document.root) }

    /// Notes a fault at a byte of the file.
    package func report(at offset: Int, _ message: String, fix: String) {
        let place = lineAndColumn(of: offset, in: document.bytes)
        faults.append(
            Diagnostic(
                file: name, line: place.line, column: place.column, message: message, fix: fix))
    }

    /// Throws the reported faults in the order of the file; returns when there are none.
    package func throwFaults() throws(Diagnostics) {
        if faults.isEmpty { return }
        throw Diagnostics(faults.sorted { ($0.line, $0.column) < ($1.line, $1.column) })
    }
}

/// Line and column of a byte, both counted from 1; columns count characters.
private func lineAndColumn(of offset: Int, in bytes: [UInt8]) -> (line: Int, column: Int) {
    let before = bytes[..<min(max(offset, 0), bytes.count)]
    let line = before.count { $0 == UInt8(ascii: "\n") } + 1
    let lineStart = before.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
    return (line, String(decoding: bytes[lineStart..<before.endIndex], as: UTF8.self).count + 1)
}

/// A value of a configuration file.
///
/// Every function that reads it reports a value of the wrong kind and returns nil, so that reading
/// can go on to the next fault. `what` names the value in the report.
package struct ConfigurationValue {
    /// The file that the value is part of.
    package let file: ConfigurationFile
    /// The value itself.
    package let json: JSONValue

    /// The line the value begins on, from 1.
    package var line: Int { lineAndColumn(of: json.offset, in: file.document.bytes).line }

    /// Notes a fault at this value.
    package func report(_ message: String, fix: String) {
        file.report(at: json.offset, message, fix: fix)
    }

    /// The members of an object; anything else is reported.
    package func members(_ what: String) -> [(key: String, value: ConfigurationValue)] {
        guard json.kind == .object else {
            report("\(what) must be an object, not \(article(json.kind)).", fix: "Write { … }.")
            return []
        }
        return json.members.map {
            ($0.key.string ?? "", ConfigurationValue(file: file, json: $0.value))
        }
    }

    /// The elements of an array; anything else is reported.
    package func elements(_ what: String) -> [ConfigurationValue] {
        guard json.kind == .array else {
            report("\(what) must be an array, not \(article(json.kind)).", fix: "Write [ … ].")
            return []
        }
        return json.elements.map { ConfigurationValue(file: file, json: $0) }
    }

    /// A string; anything else is reported.
    package func string(_ what: String) -> String? {
        if let text = json.string { return text }
        report(
            "\(what) must be a string, not \(article(json.kind)).",
            fix: "Write it in double quotes.")
        return nil
    }

    /// True or false; anything else is reported.
    package func bool(_ what: String) -> Bool? {
        if let value = json.bool { return value }
        report(
            "\(what) must be true or false, not \(article(json.kind)).", fix: "Write true or false."
        )
        return nil
    }

    /// A whole number in a range; anything else is reported.
    package func integer(_ what: String, in range: ClosedRange<Int>) -> Int? {
        if let value = json.integer, range.contains(value) { return value }
        report(
            "\(what) must be a whole number from \(range.lowerBound) to \(range.upperBound).",
            fix: "Write a number in that range.")
        return nil
    }

    /// The strings of an array; each other element is reported.
    package func strings(_ what: String) -> [String] {
        elements(what).compactMap { $0.string("An element of \(what)") }
    }

    /// One word of a closed set; another is reported with the nearest that would do.
    package func word<Word: RawRepresentable & CaseIterable>(
        _ what: String, as: Word.Type
    ) -> Word? where Word.RawValue == String {
        guard let text = string(what) else { return nil }
        if let word = Word(rawValue: text) { return word }
        let known = Word.allCases.map(\.rawValue)
        report("\(what) cannot be \"\(text)\".", fix: suggestion(for: text, among: known))
        return nil
    }

    /// The value under a key of an object; nil when there is none.
    package subscript(key: String) -> ConfigurationValue? {
        json[key].map { ConfigurationValue(file: file, json: $0) }
    }

    /// Reports every key that is not among `known`, with the nearest one that is.
    package func refuseUnknownKeys(_ known: [String], in what: String) {
        guard json.kind == .object else {
            report("\(what) must be an object, not \(article(json.kind)).", fix: "Write { … }.")
            return
        }
        for member in json.members {
            guard let key = member.key.string, !known.contains(key) else { continue }
            file.report(
                at: member.key.offset, "\(what) has no key \"\(key)\".",
                fix: suggestion(for: key, among: known))
        }
    }
}

private func article(_ kind: JSONValue.Kind) -> String {
    switch kind {
    case .object: "an object"
    case .array: "an array"
    case .null: "null"
    default: "a \(kind.rawValue)"
    }
}

/// Advice for a word that is not known: "Did you mean …?" when one is near, else all of them.
package func suggestion(for text: String, among known: [String]) -> String {
    let nearest = known.min { distance(text, $0) < distance(text, $1) }
    if let nearest, distance(text, nearest) <= max(2, nearest.count / 3) {
        return "Did you mean \"\(nearest)\"?"
    }
    return "Known: " + known.sorted().map { "\"\($0)\"" }.joined(separator: ", ") + "."
}

/// Levenshtein distance, over lower-cased characters; names are short.
private func distance(_ left: String, _ right: String) -> Int {
    let left = Array(left.lowercased().prefix(64))
    let right = Array(right.lowercased().prefix(64))
    var row = Array(0...right.count)
    for (i, a) in left.enumerated() {
        var diagonal = row[0]
        row[0] = i + 1
        for (j, b) in right.enumerated() {
            let substituted = diagonal + (a == b ? 0 : 1)
            diagonal = row[j + 1]
            row[j + 1] = min(substituted, row[j] + 1, diagonal + 1)
        }
    }
    return row[right.count]
}
