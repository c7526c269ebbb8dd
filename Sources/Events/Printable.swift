/// Text that came from outside, safe to print: what would move the cursor, begin a line or turn the
/// direction of writing is shown, not obeyed.
package func printable(_ text: String, lines: Bool = false) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
        let isControl = scalar.value < 0x20 && !(lines && scalar == "\n")
        let turns = [0x202A...0x202E, 0x2066...0x2069, 0x2028...0x2029, 0x7F...0x9F]
            .contains { $0.contains(Int(scalar.value)) }
        if isControl || turns {
            result += "\\u{\(String(scalar.value, radix: 16))}"
        } else {
            result.unicodeScalars.append(scalar)
        }
    }
    return result
}
