import Events
import JSON

/// The way of one event's values through the mappings, for people.
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

    /// The trace of an event that no mapping is for.
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
        let mappings = steps.enumerated().flatMap { index, step in
            // A later step goes along only when it can.
            index == 0 || step.isSatisfied(by: input) ? step.mappings : []
        }
        return MappingTrace(
            of: mappings, in: input, roots: ["properties", "traits"], freeObject: freeObject)
    }

    /// The object into which this plan puts an event's own values, such as `data`.
    private var freeObject: String {
        let targets = steps.flatMap(\.mappings).filter { mapping in
            mapping.rule.paths.contains { $0.root == .properties || $0.root == .traits }
        }.map { String($0.target.prefix { $0 != "." }) }
        let counts = Dictionary(grouping: targets, by: { $0 }).mapValues(\.count)
        return counts.max { ($0.value, $1.key) < ($1.value, $0.key) }?.key ?? "data"
    }
}

extension MappingTrace {
    /// Follows the values of an event or a webhook through mappings.
    ///
    /// - Parameters:
    ///   - roots: whose members are listed when no mapping reads them.
    ///   - freeObject: where the line that would map such a member puts it.
    package init(
        of mappings: [Mapping], in input: MapInput, roots: [String], freeObject: String
    ) {
        var rows: [Row] = []
        var used: Set<String> = []
        for mapping in mappings {
            guard let path = mapping.rule.usedPath(in: input) else { continue }
            used.insert(path.property)
            used.formUnion(mapping.rule.copied(input))
            guard let row = mapping.row(in: input, from: path) else { continue }
            rows.append(row)
        }
        self.rows = rows
        unused = Self.unused(in: input, but: used, below: roots, freeObject: freeObject)
    }

    private static func unused(
        in input: MapInput, but used: Set<String>, below roots: [String], freeObject: String
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
    fileprivate func row(in input: MapInput, from path: EventPath) -> MappingTrace.Row? {
        let before = path.find(in: input)?.shown ?? "…"
        let after: String
        do {
            let element = path.elementKeys == nil ? nil : input.event.document.root
            let found = try rule.value(in: input, element: element, target: target)
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
    fileprivate func usedPath(in input: MapInput) -> EventPath? {
        if let condition, !condition.holds(input, element: nil) { return nil }
        switch origin {
        case .paths(let paths):
            let present = paths.filter { $0.isPresent(in: input) }
            return present.first { !($0.find(in: input)?.isNull ?? false) }
                ?? present.first
        case .object(let path, _, _): return path.isPresent(in: input) ? path : nil
        case .alternatives(let rules):
            return rules.lazy.compactMap { $0.usedPath(in: input) }.first
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

    fileprivate func isPresent(in input: MapInput) -> Bool {
        find(in: input) != nil
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
