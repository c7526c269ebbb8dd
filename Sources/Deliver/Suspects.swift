package import Events

/// The deliveries whose probes failed, and how often each did: one of them may be refused for what
/// is in it, and not for how the destination is set up.
///
/// A delivery whose probes have failed three times is *spared*: another one is tried at once. When
/// that one is refused too, the set-up is wrong, and everything waits. When it is taken, the
/// destination opens, and the spared one is tried once more among the others: if it is refused
/// again, and another one taken again, it fails by itself. So a wrong set-up costs no delivery, at
/// whatever moment it is mended, and a refused event holds nobody else.
///
/// The store keeps them, so that a restart and a release begin no new count.
package struct Suspects: Sendable, Equatable {
    private struct Suspect: Equatable {
        let event: EventID
        var failures: Int
    }
    /// From the first to the last that failed.
    private var list: [Suspect] = []

    /// Probes of one delivery that have to fail before it is spared.
    package static let probes = 3
    /// Deliveries that are remembered; the one that failed first is forgotten for the next.
    package static let most = 100

    package init() {}

    package var isEmpty: Bool { list.isEmpty }

    /// The deliveries that the next probe leaves out.
    package var spared: [EventID] {
        list.filter { $0.failures >= Self.probes }.map(\.event)
    }

    /// True for a delivery that may be refused for itself.
    package func isSpared(_ event: EventID) -> Bool {
        list.contains { $0.event == event && $0.failures >= Self.probes }
    }

    /// Counts a probe that failed.
    ///
    /// - Returns: true when the delivery is spared from now on.
    package mutating func fail(_ event: EventID) -> Bool {
        if let index = list.firstIndex(where: { $0.event == event }) {
            list[index].failures += 1
            return list[index].failures == Self.probes
        }
        if list.count == Self.most { list.removeFirst() }
        list.append(Suspect(event: event, failures: 1))
        return Self.probes == 1
    }

    /// Spares a delivery at once.
    package mutating func spare(_ event: EventID) {
        list.removeAll { $0.event == event }
        if list.count == Self.most { list.removeFirst() }
        list.append(Suspect(event: event, failures: Self.probes))
    }

    /// Forgets a delivery that has ended.
    ///
    /// - Returns: false when it was none of them.
    package mutating func remove(_ event: EventID) -> Bool {
        guard let index = list.firstIndex(where: { $0.event == event }) else { return false }
        list.remove(at: index)
        return true
    }

    /// Keeps only those that are spared: the destination has opened.
    package mutating func keepSpared() { list.removeAll { $0.failures < Self.probes } }

    /// Forgets all but one: the others may be tried again.
    package mutating func keep(only event: EventID) { list.removeAll { $0.event != event } }

    /// The suspects as the store keeps them; nil for none.
    package var text: String? {
        list.isEmpty
            ? nil : list.map { "\($0.event.number):\($0.failures)" }.joined(separator: " ")
    }

    /// Suspects that were stored.
    package init(text: String) {
        list = text.split(separator: " ").compactMap { item in
            let parts = item.split(separator: ":")
            guard parts.count == 2, let number = Int64(parts[0]), let failures = Int(parts[1])
            else { return nil }
            return Suspect(event: EventID(number: number), failures: failures)
        }
    }
}
