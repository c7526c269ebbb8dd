extension RandomAccessCollection {
    /// The first index whose element does not belong before; the end when all do.
    ///
    /// A binary search: all elements that belong before must stand first.
    @inlinable package func partitionIndex(_ belongsBefore: (Element) -> Bool) -> Index {
        var (low, count) = (startIndex, count)
        while count > 0 {
            let middle = index(low, offsetBy: count / 2)
            if belongsBefore(self[middle]) {
                count -= count / 2 + 1
                low = index(after: middle)
            } else {
                count /= 2
            }
        }
        return low
    }
}

extension Array {
    /// The array cut into pieces of `count` elements, in order; the last may be shorter.
    @inlinable package func slices(of count: Int) -> [ArraySlice<Element>] {
        stride(from: 0, to: self.count, by: count).map { self[$0...].prefix(count) }
    }
}
