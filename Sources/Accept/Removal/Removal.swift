import JSON

/// The changes that keep values of a JSON text from being stored, gathered before they are made.
///
/// Values are known by the offset of their first byte. What is not changed is copied as it came.
struct Removal {
    private enum Edit {
        case leaveOut
        /// The JSON that takes the value's place.
        case replace([UInt8])
    }

    private var edits: [Int: Edit] = [:]
    /// The paths of the values, in the order they were found.
    private(set) var paths: [String] = []
    /// True when `***` stands in the place of each value.
    let masks: Bool

    init(masks: Bool) { self.masks = masks }

    var isEmpty: Bool { edits.isEmpty }

    /// True when something is decided about a value already.
    func covers(_ value: JSONValue) -> Bool { edits[value.offset] != nil }

    /// Leaves a value out, or masks it.
    mutating func remove(_ value: JSONValue, at path: String) {
        if value.isNull || value.string == secretMask || covers(value) { return }
        edits[value.offset] = masks ? .replace(Self.quoted(secretMask)) : .leaveOut
        mention(path)
    }

    /// Puts another text in the place of one.
    ///
    /// - Parameter paths: what was masked in it.
    mutating func replace(_ value: JSONValue, by text: [UInt8], at paths: [String]) {
        if covers(value) { return }
        edits[value.offset] = .replace(Self.quoted(String(decoding: text, as: UTF8.self)))
        for path in paths { mention(path) }
    }

    private static func quoted(_ text: String) -> [UInt8] { JSONWriter.make { $0.string(text) } }

    private static let longestPath = 200
    private static let mostPaths = 20

    /// Notes a path once; of very many only the first are told.
    private mutating func mention(_ path: String) {
        let path = String(path.prefix(Self.longestPath))
        if paths.count < Self.mostPaths, !paths.contains(path) { paths.append(path) }
    }

    /// The text of a value after the changes.
    func text(of value: JSONValue) -> [UInt8] {
        let offsets = edits.keys.sorted()
        return JSONWriter.make { append(value, offsets, to: &$0) }
    }

    private func append(_ value: JSONValue, _ offsets: [Int], to writer: inout JSONWriter) {
        if case .replace(let json) = edits[value.offset] {
            writer.raw(json[...])
            return
        }
        let range = value.range
        let next = offsets.partitionIndex { $0 < range.lowerBound }
        guard next < offsets.count, range.contains(offsets[next]) else {
            writer.value(value)
            return
        }
        if value.kind == .array {
            writer.beginArray()
            for element in value.elements where !leavesOut(element) {
                append(element, offsets, to: &writer)
            }
            writer.endArray()
        } else {
            writer.beginObject()
            for member in value.members where !leavesOut(member.value) {
                writer.key(quoted: member.key.raw)
                append(member.value, offsets, to: &writer)
            }
            writer.endObject()
        }
    }

    private func leavesOut(_ value: JSONValue) -> Bool {
        if case .leaveOut = edits[value.offset] { true } else { false }
    }
}
