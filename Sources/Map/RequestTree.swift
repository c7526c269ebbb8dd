package import Events
import JSON

/// The mappings of one request, turned into the shape of its body: applied in one pass, written
/// straight into the buffer that is sent.
package struct RequestTree: Sendable {
    indirect enum Node: Sendable {
        case value(Leaf)
        /// Members in order; `spread` is an object whose members come along.
        case object(spread: Leaf?, [Member])
        /// One element for each of the source array's; without one, a single element.
        case array(EventPath?, Node)
    }
    /// A target and where its value comes from; shared, never copied.
    final class Leaf: Sendable {
        let target: String
        let rule: ValueRule

        /// The paths of a rule that only copies; most rules do.
        private let copied: [EventPath]?
        /// The part of the event without which there is no value.
        private let section: EventPath.Root?
        /// Neither a parameter, which may be secret, nor a copy of members.
        let isPlain: Bool

        init(_ target: String, _ rule: ValueRule) {
            self.target = target
            self.rule = rule
            copied = rule.copied
            section = rule.section
            switch rule.origin {
            case .parameter, .object: isPlain = false
            case .paths, .literal, .alternatives: isPlain = true
            }
        }

        func value(
            in input: MapInput, element: JSONValue?
        ) throws(MappingFault) -> Found? {
            if let section, input.event.lacks(section) { return nil }
            if let copied { return copied.find(in: input, element: element) }
            return try rule.value(in: input, element: element, target: target)
        }
    }
    final class Member: Sendable {
        let name: String
        let quoted: ArraySlice<UInt8>
        let node: Node

        init(_ name: String, _ node: Node) {
            self.name = name
            quoted = JSONWriter.make { $0.string(name) }[...]
            self.node = node
        }
    }

    var root: Node = .object(spread: nil, [])

    /// Two mappings that cannot both be: one is a value where the other needs an object.
    package struct Conflict: Error { package let target: String }

    /// Puts mappings together; throws when two of them cannot stand beside each other.
    package init(_ mappings: [Mapping]) throws(Conflict) {
        for mapping in mappings {
            let isBody = mapping.target == Mapping.body
            let parts = isBody ? [] : mapping.target.split(separator: ".").map(String.init)
            root = try Self.insert(mapping, parts[...], into: root)
        }
    }

    private static func insert(
        _ mapping: Mapping, _ parts: ArraySlice<String>, into node: Node?
    ) throws(Conflict) -> Node {
        guard let part = parts.first else { return try leaf(mapping, over: node) }
        var spread: Leaf?
        var members: [Member] = []
        switch node {
        case nil: break
        case .object(let theirs, let existing): (spread, members) = (theirs, existing)
        case .value(let leaf):
            guard case .object = leaf.rule.origin else { throw Conflict(target: mapping.target) }
            spread = leaf
        case .array: throw Conflict(target: mapping.target)
        }
        let name = part.hasSuffix("[]") ? String(part.dropLast(2)) : part
        let index = members.firstIndex { $0.name == name }
        let before = index.map { members[$0].node }
        let after =
            part.hasSuffix("[]")
            ? try insertArray(mapping, parts.dropFirst(), into: before)
            : try insert(mapping, parts.dropFirst(), into: before)
        if let index {
            members[index] = Member(name, after)
        } else {
            members.append(Member(name, after))
        }
        return .object(spread: spread, members)
    }

    private static func leaf(_ mapping: Mapping, over node: Node?) throws(Conflict) -> Node {
        switch node {
        case nil: return .value(Leaf(mapping.target, mapping.rule))
        case .object(nil, let members):
            guard case .object = mapping.rule.origin else { throw Conflict(target: mapping.target) }
            return .object(spread: Leaf(mapping.target, mapping.rule), members)
        default: throw Conflict(target: mapping.target)
        }
    }

    private static func insertArray(
        _ mapping: Mapping, _ rest: ArraySlice<String>, into node: Node?
    ) throws(Conflict) -> Node {
        let paths = mapping.rule.paths.filter { $0.elementKeys != nil }
        if case .array(let path, let element) = node {
            // One target array is made from one source array.
            let first = path ?? paths.first
            guard paths.allSatisfy({ first?.goesThrough($0) ?? true }) else {
                throw Conflict(target: mapping.target)
            }
            return .array(first, try insert(mapping, rest, into: element))
        }
        guard node == nil, paths.allSatisfy({ paths[0].goesThrough($0) }) else {
            throw Conflict(target: mapping.target)
        }
        return .array(paths.first, try insert(mapping, rest, into: nil))
    }
}

extension RequestTree {
    /// Writes the body.
    ///
    /// Absent values leave no trace; objects that stay empty are left out, except the body
    /// itself.
    package func render(_ input: MapInput) throws(MappingFault) -> MaskedText {
        var body = Body(input: input)
        guard case .object(let spread, let members) = root else { return MaskedText() }
        try body.write(spread, members, element: nil)
        return MaskedText(body.writer.bytes, secrets: body.secrets)
    }

    /// The leaf that is mapped to a target; nil when there is none.
    func leaf(at target: String) -> Leaf? {
        var node = root
        for part in target.split(separator: ".") {
            guard case .object(_, let members) = node,
                let member = members.first(where: { $0.name == part })
            else { return nil }
            node = member.node
        }
        guard case .value(let leaf) = node else { return nil }
        return leaf
    }
}

extension RequestTree.Leaf {
    /// True when the target would have a value that is not null.
    func hasValue(in input: MapInput) -> Bool {
        if let condition = rule.condition, !condition.holds(input, element: nil) { return false }
        if case .parameter(let name) = rule.origin, input.secretParameter(name) != nil {
            return true
        }
        do {
            return try value(in: input, element: nil).map { !$0.isEmpty } ?? false
        } catch {
            // The value is there; what is wrong with it is said when the request is built.
            return true
        }
    }
}

private struct Body {
    let input: MapInput
    var writer = JSONWriter(capacity: 768)
    var secrets: [MaskedText.Place] = []

    /// Writes an object; true when it has any members.
    @discardableResult
    mutating func write(
        _ spread: RequestTree.Leaf?, _ members: [RequestTree.Member],
        element: JSONValue?
    ) throws(MappingFault) -> Bool {
        writer.beginObject()
        var isEmpty = true
        if let spread {
            isEmpty = try !copyMembers(of: spread, but: members, element: element)
        }
        for member in members {
            if case .value(let leaf) = member.node, leaf.isPlain {
                guard let found = try leaf.value(in: input, element: element) else { continue }
                writer.key(quoted: member.quoted)
                write(found)
                isEmpty = false
                continue
            }
            let mark = writer.mark
            writer.key(quoted: member.quoted)
            if try write(member.node, element: element) {
                isEmpty = false
            } else {
                writer.rewind(to: mark)
            }
        }
        writer.endObject()
        return !isEmpty
    }

    private mutating func write(
        _ node: RequestTree.Node, element: JSONValue?
    ) throws(MappingFault) -> Bool {
        switch node {
        case .object(let spread, let members):
            return try write(spread, members, element: element)
        case .array(let path, let inner): return try writeArray(path, inner)
        case .value(let leaf):
            if case .parameter(let name) = leaf.rule.origin, let key = input.secretParameter(name) {
                let condition = leaf.rule.condition
                guard condition?.holds(input, element: element) ?? true
                else { return false }
                writer.string("***")
                let mask = MaskedText.mask.count
                secrets.append(.init(offset: writer.bytes.count - 1 - mask, parameter: key))
                return true
            }
            if case .object = leaf.rule.origin {
                let mark = writer.mark
                writer.beginObject()
                guard try copyMembers(of: leaf, but: [], element: element) else {
                    writer.rewind(to: mark)
                    return false
                }
                writer.endObject()
                return true
            }
            guard let found = try leaf.value(in: input, element: element) else { return false }
            write(found)
            return true
        }
    }

    private mutating func write(_ found: Found) {
        switch found {
        case .json(let value): writer.value(value)
        case .text(let text): writer.string(text)
        case .moment(let moment): writer.string(moment.iso8601)
        case .raw(let bytes): writer.raw(bytes[...])
        }
    }

    private mutating func writeArray(
        _ path: EventPath?, _ inner: RequestTree.Node
    ) throws(MappingFault) -> Bool {
        guard let path else {
            writer.beginArray()
            guard try write(inner, element: nil) else { return false }
            writer.endArray()
            return true
        }
        guard let list = path.array(in: input) else { return false }
        writer.beginArray()
        for element in list.kind == .array ? list.elements : [list] {
            let mark = writer.mark
            if try !write(inner, element: element) { writer.rewind(to: mark) }
        }
        writer.endArray()
        return true
    }

    /// True when a member that is mapped by name will be written; a value that cannot be built is
    /// reported when it is written.
    private func yields(_ node: RequestTree.Node, _ element: JSONValue?) -> Bool {
        guard case .value(let leaf) = node else { return true }
        do {
            let found = try leaf.value(in: input, element: element)
            guard case .object = leaf.rule.origin else { return found != nil }
            if case .json(let object)? = found { return object.hasCopies }
            return false
        } catch { return true }
    }

    /// Copies an object's members but those that are mapped by name beside it.
    ///
    /// Of a list of objects those of each are copied.
    private mutating func copyMembers(
        of leaf: RequestTree.Leaf, but mapped: [RequestTree.Member], element: JSONValue?
    ) throws(MappingFault) -> Bool {
        guard case .object(_, let include, let exclude) = leaf.rule.origin,
            case .json(let object)? = try leaf.value(in: input, element: element),
            object.hasCopies
        else { return false }
        let isList = object.kind == .array
        let members = isList ? object.elements.flatMap(\.members) : Array(object.members)
        var wrote = false
        for member in members {
            guard let name = member.key.string, !exclude.contains(name),
                include?.contains(name) ?? true,
                !mapped.contains(where: { $0.name == name && yields($0.node, element) }),
                !(leaf.rule.omitNull && member.value.isNull)
            else { continue }
            writer.key(quoted: member.key.raw)
            writer.value(member.value)
            wrote = true
        }
        return wrote
    }
}

extension JSONValue {
    /// An object, or a list of nothing but objects without a name in common: what a copy of members
    /// can be made from.
    fileprivate var hasCopies: Bool {
        if kind == .object { return true }
        guard kind == .array, !isEmpty, elements.allSatisfy({ $0.kind == .object }) else {
            return false
        }
        let names = elements.flatMap(\.members).compactMap(\.key.string)
        return Set(names).count == names.count
    }
}

extension EventPath {
    /// The array (or the single object) before `[]`.
    fileprivate func array(in input: MapInput) -> JSONValue? {
        guard case .json(let value)? = find(in: input), !value.isNull else {
            return nil
        }
        return value
    }

    /// The same array, whatever is read inside its elements.
    fileprivate func goesThrough(_ other: EventPath) -> Bool {
        root == other.root && keys == other.keys
    }
}
