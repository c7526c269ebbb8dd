import Events
import FoundationEssentials

import Glibc

/// The place where commands write: data to standard output, the rest to standard error.
struct Terminal: Sendable {
    enum Colour: String { case green = "32", red = "31", yellow = "33", faint = "2", bold = "1" }

    /// Only on a terminal, never with NO_COLOR (no-color.org), never on a dumb one.
    let usesColour: Bool

    static let standard = Terminal(
        usesColour: isatty(STDOUT_FILENO) == 1
            && ProcessInfo.processInfo.environment["NO_COLOR", default: ""].isEmpty
            && ProcessInfo.processInfo.environment["TERM"] != "dumb")

    func write(_ line: String = "") { write(line + "\n", to: STDOUT_FILENO) }

    func writeError(_ line: String) { write(line + "\n", to: STDERR_FILENO) }

    func write(json bytes: [UInt8]) { write(String(decoding: bytes, as: UTF8.self)) }

    private func write(_ text: String, to descriptor: Int32) {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            // A reader that went away is no error of ours.
            guard count > 0 else { return }
            rest = rest.dropFirst(count)
        }
    }

    func colour(_ text: String, _ colour: Colour) -> String {
        usesColour ? "\u{1B}[\(colour.rawValue)m\(text)\u{1B}[0m" : text
    }

    /// A state in its colour.
    func state(_ state: String) -> String {
        switch state {
        case "delivered": colour(state, .green)
        case "failed", "expired", "held", "refusing", "gone": colour(state, .red)
        case "filtered", "retrying", "cancelled", "resting", "pausing", "disabled":
            colour(state, .yellow)
        default: state
        }
    }

    /// Columns as wide as their widest cell; colours do not count.
    func table(_ header: [String]?, _ rows: [[String]]) {
        let all = [header].compactMap { $0 } + rows
        let widths = (all.first ?? []).indices.map { column in
            all.map { visible($0[column]).count }.max() ?? 0
        }
        if let header { write(line(header.map { colour($0, .bold) }, widths)) }
        for row in rows { write(line(row, widths)) }
    }

    private func line(_ cells: [String], _ widths: [Int]) -> String {
        var line = ""
        for (index, cell) in cells.enumerated() {
            line += cell
            guard index < cells.count - 1 else { break }
            line += String(repeating: " ", count: widths[index] - visible(cell).count + 2)
        }
        return line
    }

    private func visible(_ text: String) -> String {
        text.replacing(/\u{1B}\[[0-9;]*m/, with: "")
    }
}
