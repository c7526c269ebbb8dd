import Deliver
import Testing

@Suite struct `A first-in-first-out queue` {
    @Test func `gives in the order it was given, past its own tidying up`() {
        var fifo = Fifo<Int>()
        for number in 0..<1_000 { fifo.append(number) }
        var taken: [Int] = []
        while let number = fifo.popFirst() {
            taken.append(number)
            #expect(fifo.count == 999 - number)
        }
        #expect(taken == Array(0..<1_000))
        #expect(fifo.isEmpty && fifo.first == nil && fifo.popFirst() == nil)
    }

    @Test func `puts in front what has to come first`() {
        var fifo = Fifo<Int>()
        fifo.append(1)
        for number in [0, -1, -2] { fifo.prepend(number) }
        fifo.append(2)
        #expect(fifo.first == -2 && fifo.count == 5)
        #expect(Array(fifo.elements) == [-2, -1, 0, 1, 2])
    }

    @Test func `gives all that is left and is empty then`() {
        var fifo = Fifo<Int>()
        for number in 0..<5 { fifo.append(number) }
        _ = fifo.popFirst()
        #expect(fifo.removeAll() == [1, 2, 3, 4])
        #expect(fifo.isEmpty && fifo.count == 0)
        fifo.append(9)
        #expect(fifo.popFirst() == 9)
    }

    @Test func `does what an array does, whatever the order of the calls`() {
        var random = Steps(state: 1)
        var fifo = Fifo<Int>()
        var array: [Int] = []
        for number in 0..<20_000 {
            // Longer and shorter by turns, so that it grows, shrinks and is tidied up.
            let leaning = number / 500 % 2 == 0 ? 7 : 3
            switch random.next(below: 10) {
            case 0:
                fifo.prepend(number)
                array.insert(number, at: 0)
            case ..<leaning:
                fifo.append(number)
                array.append(number)
            default:
                let first = array.isEmpty ? nil : array.removeFirst()
                #expect(fifo.popFirst() == first)
            }
            #expect(fifo.count == array.count && fifo.first == array.first)
        }
        #expect(Array(fifo.elements) == array)
        #expect(fifo.removeAll() == array)
    }

    /// Numbers that are the same in every run.
    private struct Steps {
        var state: UInt64

        mutating func next(below limit: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % limit
        }
    }
}
