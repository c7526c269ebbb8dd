import Events
import JSON

/// What a mapping did with one event, for people.
package struct MappingTrace: Sendable {
    /// A value on its way: where it was, what it was, where it went, what it became.
    package struct Row: Sendable, Equatable {
        package let source: String
        package let before: String
        package let target: String
        package let after: String
        /// The mapping's transforms and conditions in a word each; empty for a plain copy.
        package let rule: String
    }
    package let rows: [Row]
    /// Properties and traits that no mapping reads, in the event's order.
    package let unused: [Unused]

    /// Of an event that no mapping is for.
    package static let empty = MappingTrace(rows: [], unused: [])

    private init(rows: [Row], unused: [Unused]) {
        self.rows = rows
        self.unused = unused
    }

    /// A property that went nowhere, and the line of JSON that would map it.
    package struct Unused: Sendable, Equatable {
        package let source: String
        package let before: String
        package let line: String
    }
}

extension Blueprint.EventPlan {
    /// Follows every value of an event through the plan's mappings; sends nothing.
    package func trace(_ input: MapInput) -> MappingTrace {
        let name = vendorName(of: input.event)
        let mappings = steps.enumerated().flatMap { index, step in
            // A later step goes along only when it can.
            index == 0 || step.isSatisfied(by: input, vendorName: name) ? step.mappings : []
        }
        return MappingTrace(
            mappings, input, vendorName: name, roots: ["properties", "traits"],
            freeObject: freeObject)
    }

    /// Where this plan puts an event's own values, such as `data`.
    private var freeObject: String {
        let targets = steps.flatMap(\.mappings).filter { mapping in
            mapping.rule.paths.contains { $0.root == .properties || $0.root == .traits }
        }.map { String($0.target.prefix { $0 != "." }) }
        let counts = Dictionary(grouping: targets, by: { $0 }).mapValues(\.count)
        return counts.max { ($0.value, $1.key) < ($1.value, $0.key) }?.key ?? "data"
    }
}

extension MappingTrace {
    /// - Parameters:
    ///   - roots: whose members are listed when no mapping reads them.
    ///   - freeObject: where the line that would map such a member puts it.
    init(
        _ mappings: [Mapping], _ input: MapInput, vendorName name: String, roots: [String],
        freeObject: String
    ) {
        var rows: [Row] = []
        var used: Set<String> = []
        for mapping in mappings {
            guard let path = mapping.rule.usedPath(input, name) else { continue }
            used.insert(path.property)
            used.formUnion(mapping.rule.copied(input))
            guard let row = mapping.row(input, name, path) else { continue }
            rows.append(row)
        }
        self.rows = rows
        unused = Self.unused(input, used, roots, freeObject)
    }

    private static func unused(
        _ input: MapInput, _ used: Set<String>, _ roots: [String], _ freeObject: String
    ) -> [Unused] {
        var result: [Unused] = []
        for root in roots {
            for member in input.event.document.root[root]?.members ?? .empty {
                guard let key = member.key.string, !used.contains("\(root).\(key)"),
                    !(root == "traits" && key == "email")
                else { continue }
                let line = JSONWriter.make { writer in
                    writer.string("\(freeObject).\(key)")
                }
                let source = JSONWriter.make { $0.string("\(root).\(key)") }
                result.append(
                    Unused(
                        source: "\(root).\(key)",
                        before: String(decoding: member.value.raw, as: UTF8.self),
                        line: String(decoding: line + Array(": ".utf8) + source, as: UTF8.self)))
            }
        }
        return result
    }
}

extension Mapping {
    fileprivate func row(
        _ input: MapInput, _ name: String, _ path: EventPath
    ) -> MappingTrace.Row? {
        let before = path.find(in: input, vendorName: name)?.shown ?? "…"
        let after: String
        do {
            let element = path.elementKeys == nil ? nil : input.event.document.root
            let found = try rule.value(
                in: input, vendorName: name, element: element, target: target)
            guard let found else {
                return path.elementKeys == nil
                    ? nil
                    : .init(
                        source: path.text, before: before, target: target, after: "for each",
                        rule: "")
            }
            after = found.shown
        } catch {
            after = "cannot: \(error.detail)"
        }
        let words =
            rule.allTransforms.map(\.rawValue) + (rule.valueMap.isEmpty ? [] : ["value_map"])
        return .init(
            source: path.text, before: before, target: target, after: after,
            rule: words.joined(separator: ", "))
    }
}

extension ValueRule {
    /// The path whose value this rule takes; nil when it takes none from the event.
    fileprivate func usedPath(_ input: MapInput, _ name: String) -> EventPath? {
        if let condition, !condition.holds(input, vendorName: name, element: nil) { return nil }
        switch origin {
        case .paths(let paths):
            let present = paths.filter { $0.isPresent(input, name) }
            return present.first { !($0.find(in: input, vendorName: name)?.isNull ?? false) }
                ?? present.first
        case .object(let path, _, _): return path.isPresent(input, name) ? path : nil
        case .alternatives(let rules):
            return rules.lazy.compactMap { $0.usedPath(input, name) }.first
        case .literal, .parameter: return nil
        }
    }

    /// The properties an object copy takes along.
    fileprivate func copied(_ input: MapInput) -> [String] {
        guard case .object(let path, let include, let exclude) = origin, path.keys.isEmpty else {
            return []
        }
        let members = input.event.document.root[path.text]?.members ?? .empty
        return members.compactMap(\.key.string).filter {
            !exclude.contains($0) && include?.contains($0) ?? true
        }.map { "\(path.text).\($0)" }
    }
}

extension EventPath {
    /// `properties.products` for `properties.products[].name`.
    fileprivate var property: String {
        ([root.rawValue] + keys.prefix(1).map(\.text)).joined(separator: ".")
    }

    fileprivate func isPresent(_ input: MapInput, _ name: String) -> Bool {
        find(in: input, vendorName: name) != nil
    }
}

extension Found {
    fileprivate var shown: String {
        switch self {
        case .json(let value): String(decoding: value.raw, as: UTF8.self)
        case .raw(let bytes): String(decoding: bytes, as: UTF8.self)
        case .text(let text): String(decoding: JSONWriter.make { $0.string(text) }, as: UTF8.self)
        case .moment(let moment): moment.iso8601
        }
    }
}
