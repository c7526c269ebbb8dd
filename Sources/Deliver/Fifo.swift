/// A queue, first in, first out, that does not move the elements that stay.
package struct Fifo<Element> {
    private var items: [Element?] = []
    private var head = 0

    package init() {}

    package var isEmpty: Bool { head == items.count }
    package var count: Int { items.count - head }
    /// The next element; nil when there is none.
    package var first: Element? { isEmpty ? nil : items[head] }
    /// From the first to the last.
    package var elements: some Sequence<Element> { items[head...].lazy.compactMap { $0 } }

    /// Puts an element at the end.
    package mutating func append(_ element: Element) { items.append(element) }

    /// Puts an element before all others.
    package mutating func prepend(_ element: Element) {
        if head == 0 {
            // Space for as many again, so that many of them cost no more than at the end.
            head = max(16, items.count)
            items.insert(contentsOf: repeatElement(nil, count: head), at: 0)
        }
        head -= 1
        items[head] = element
    }

    /// Takes out the first element.
    package mutating func popFirst() -> Element? {
        guard head < items.count else { return nil }
        let element = items[head]
        items[head] = nil
        head += 1
        if head > 64, head * 2 > items.count {
            items.removeFirst(head)
            head = 0
        }
        return element
    }

    /// Takes out every element, first to last.
    package mutating func removeAll() -> [Element] {
        let rest = Array(elements)
        items = []
        head = 0
        return rest
    }
}
