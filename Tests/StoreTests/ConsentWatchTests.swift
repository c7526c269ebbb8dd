import Deliver
import Events
import SluiceTesting
import Testing

@testable import Store

@Suite struct `The watch over consent` {
    private let person = Identity(
        userID: "u", email: "A@b.example", anonymousID: nil, emailState: .fine,
        lane: LaneKey(number: 1))

    @Test func `knows nothing before it has begun`() {
        #expect(ConsentWatch().mayDiffer(EventID(number: 5), for: person))
    }

    @Test func `asks for a look at what came before, and at who has changed since`() {
        var watch = ConsentWatch()
        watch.restart(after: EventID(number: 5))
        #expect(watch.mayDiffer(EventID(number: 5), for: person))
        #expect(!watch.mayDiffer(EventID(number: 6), for: person))
        watch.personChanged(IdentityKey(.user, "v"))
        #expect(!watch.mayDiffer(EventID(number: 6), for: person))
        watch.personChanged(IdentityKey(.email, "a@b.example"))
        #expect(watch.mayDiffer(EventID(number: 6), for: person))
    }

    @Test func `is full when it remembers too many`() {
        var watch = ConsentWatch()
        watch.restart(after: EventID(number: 5))
        for number in 0...ConsentWatch.identifiersMax {
            watch.personChanged(IdentityKey(.user, String(number)))
        }
        #expect(watch.isFull)
        watch.restart(after: EventID(number: 9))
        #expect(!watch.isFull && watch.mayDiffer(EventID(number: 9), for: person))
    }

    @Test func `begins anew when it is full`() throws {
        let writer = try StoreWriter(
            MemoryStore().session(), pipeline: try StoreSetUp().pipeline, room: Room(),
            clock: ManualClock().world, isServer: false)
        writer.lastEvent = EventID(number: 5)
        try writer.transaction {
            for number in 0...ConsentWatch.identifiersMax {
                writer.people.watch.personChanged(IdentityKey(.user, String(number)))
            }
        }
        #expect(!writer.people.watch.isFull)
        #expect(writer.people.watch.mayDiffer(EventID(number: 5), for: person))
        #expect(!writer.people.watch.mayDiffer(EventID(number: 6), for: person))
    }
}
