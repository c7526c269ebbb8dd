// A text that is no readable JSON has no structure to rely on: it may be cut off, be a form, or be
// the text of another language. So every quote in it is tried as the beginning of a name. Where a
// name of the list, its closing quote and a colon follow, the value behind them is masked: a quoted
// text up to its quote, a list or an object up to its bracket, anything else up to the next sign
// that ends a value, and each up to the end where that is missing. Quotes may be escaped, when the
// text stands inside a string: the value's quotes then have as many backslashes as the name's.

import JSON

/// The names whose values are masked in a body that is no readable JSON.
struct UnreadableSecrets: Sendable {
    private let names: FoldedNames
    private let parameters: SecretParameters?

    /// Secrets under these names, and in these parameters of addresses and forms.
    init(names: [String], parameters: SecretParameters?) {
        self.names = FoldedNames(names)
        self.parameters = parameters
    }

    /// The text with its secret values masked.
    func masked(_ body: [UInt8]) -> [UInt8] {
        let text = narrowed(body)
        var result: [UInt8] = []
        var (from, at) = (0, 0)
        while at < text.count {
            guard isQuote(text[at]), let value = value(ofNameAt: at, in: text) else {
                at += 1
                continue
            }
            result += text[from..<value.lowerBound]
            let isContainer = "[{".utf8.contains(text[value.lowerBound])
            result += (isContainer ? "\"\(secretMask)\"" : secretMask).utf8
            (from, at) = (value.upperBound, value.upperBound)
        }
        result += text[from...]
        return parameters?.masked(result)?.text ?? result
    }

    /// UTF-16 and UTF-32 without their zero bytes, so that names are found in them.
    private func narrowed(_ body: [UInt8]) -> [UInt8] {
        body.prefix(8).contains(0) ? body.filter { $0 != 0 } : body
    }

    private static let longestName = 64

    /// The value behind a name whose opening quote stands at a place; nil when there is none.
    private func value(ofNameAt quote: Int, in text: [UInt8]) -> Range<Int>? {
        let name = text[(quote + 1)...].prefix(Self.longestName).prefix {
            $0 != UInt8(ascii: "\\") && !isQuote($0)
        }
        let slashes = text[name.endIndex...].prefix { $0 == UInt8(ascii: "\\") }.count
        var at = name.endIndex + slashes
        guard !name.isEmpty, at < text.count, text[at] == text[quote],
            name.withUnsafeBufferPointer({ names.place(of: $0) }) != nil
        else { return nil }
        at = skipSpace(text, from: at + 1)
        if text[at...].starts(with: "=>".utf8) {
            at += 2
        } else if text[at...].first == UInt8(ascii: ":") {
            at += 1
        } else {
            return nil
        }
        return value(at: skipSpace(text, from: at), in: text, slashes: slashes)
    }

    private func value(at start: Int, in text: [UInt8], slashes: Int) -> Range<Int>? {
        guard start < text.count else { return nil }
        let quote = start + text[start...].prefix { $0 == UInt8(ascii: "\\") }.count
        let range: Range<Int>
        if quote - start == slashes, quote < text.count, isQuote(text[quote]) {
            range = quote + 1..<endOfText(from: quote + 1, in: text, slashes: slashes)
        } else if "[{".utf8.contains(text[start]) {
            return start..<endOfContainer(from: start, in: text)
        } else {
            range = start..<(text[start...].firstIndex(where: endsValue) ?? text.count)
        }
        let harmless = ["", secretMask, "null", "true", "false"]
        return harmless.contains { $0.utf8.elementsEqual(text[range]) } ? nil : range
    }

    /// The place of the quote, or of its backslashes, that ends a text; the end without one.
    private func endOfText(from start: Int, in text: [UInt8], slashes: Int) -> Int {
        let quote = text[start - 1]
        var before = 0
        for at in start..<text.count {
            if text[at] == quote {
                if slashes == 0, before.isMultiple(of: 2) { return at }
                if slashes > 0, before <= slashes { return at - before }
            }
            before = text[at] == UInt8(ascii: "\\") ? before + 1 : 0
        }
        return text.count
    }

    /// The place behind the bracket that closes a list or an object; the end without one.
    private func endOfContainer(from start: Int, in text: [UInt8]) -> Int {
        var depth = 0
        var isInText = false
        var isEscaped = false
        for at in start..<text.count {
            switch text[at] {
            case _ where isEscaped:
                isEscaped = false
                continue
            case UInt8(ascii: "\\"): isEscaped = true
            case UInt8(ascii: "\""): isInText.toggle()
            case UInt8(ascii: "["), UInt8(ascii: "{"): depth += isInText ? 0 : 1
            case UInt8(ascii: "]"), UInt8(ascii: "}"): depth -= isInText ? 0 : 1
            default: break
            }
            if depth == 0 { return at + 1 }
        }
        return text.count
    }

    private func isQuote(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'")
    }

    private func endsValue(_ byte: UInt8) -> Bool { byte <= 0x20 || ",}]\"'\\".utf8.contains(byte) }

    private func skipSpace(_ text: [UInt8], from start: Int) -> Int {
        text[start...].firstIndex { $0 > 0x20 } ?? text.count
    }
}
