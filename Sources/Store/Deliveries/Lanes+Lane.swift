import Events
import JSON

extension Lanes {
    /// The deliveries of one lane, never none.
    ///
    /// Most lanes hold one delivery, and cost no array.
    struct Lane {
        private(set) var first: Place
        /// The others, by event.
        private var rest: ArraySlice<Place> = []
        private var drivenCount = 0
        private var passedCount = 0

        init(_ place: Place) {
            first = place
            count(place, 1)
        }

        var places: [Place] { [first] + rest }

        /// True when a delivery that was not passed is ready, due or on its way.
        var isDriven: Bool { drivenCount > 0 }

        /// The first delivery that was not passed; few ever are.
        var next: Place? { first.wasPassed ? rest.first { !$0.wasPassed } : first }

        var holdsPassed: Bool { passedCount > 0 }

        subscript(event: Int64) -> Place? {
            if first.event == event { return first }
            let index = index(of: event)
            return index < rest.endIndex && rest[index].event == event ? rest[index] : nil
        }

        mutating func insert(_ place: Place) {
            count(place, 1)
            if place.event > first.event {
                let index = index(of: place.event)
                // Most come last; `append` makes room for several.
                guard index < rest.endIndex else { return rest.append(place) }
                rest.insert(place, at: index)
            } else {
                rest.insert(first, at: rest.startIndex)
                first = place
            }
        }

        /// False when nothing is left.
        mutating func remove(_ place: Place) -> Bool {
            count(place, -1)
            if first.event == place.event {
                guard let next = rest.popFirst() else { return false }
                first = next
            } else {
                rest.remove(at: index(of: place.event))
            }
            return true
        }

        mutating func replace(_ before: Place, by after: Place) {
            count(before, -1)
            count(after, 1)
            if first.event == before.event {
                first = after
            } else {
                rest[index(of: before.event)] = after
            }
        }

        private mutating func count(_ place: Place, _ number: Int) {
            if place.wasPassed {
                passedCount += number
            } else if place.isDriven {
                drivenCount += number
            }
        }

        /// Where an event is in `rest`, or would be.
        private func index(of event: Int64) -> Int {
            guard let last = rest.last, last.event >= event else { return rest.endIndex }
            return rest.partitionIndex { $0.event < event }
        }
    }
}
