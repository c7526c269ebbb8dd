import Testing

@testable import Ingest

@Suite struct `A key ring` {
    private let ring = KeyRing([
        Source(name: "backend", kind: .server, trusted: true, keys: ["one", "two", ""]),
        Source(
            name: "shop", kind: .browser, trusted: false, keys: ["page"],
            origins: ["https://shop.example"]),
        Source(
            name: "tool", kind: .server, trusted: true, keys: [], origins: ["https://no.example"]),
    ])

    @Test func `finds the source of each of its keys`() {
        #expect(ring.source(of: "one")?.name == "backend")
        #expect(ring.source(of: "two")?.name == "backend")
        #expect(ring.source(of: "page")?.name == "shop")
    }

    @Test func `finds nobody for another key, an empty one, or none`() {
        for key in ["On", "one ", "ONE", "", nil] { #expect(ring.source(of: key) == nil) }
    }

    @Test(arguments: [
        ("Bearer one", "one"), ("bearer one", "one"), ("Basic b25lOg==", "one"),
        ("BASIC b25l", "one"), ("Basic b25lOnBhc3M6d29yZA==", "one"), ("Bearer a b", "a b"),
    ])
    func `reads the key of an Authorization header`(header: String, key: String) {
        #expect(KeyRing.key(inHeader: header) == key)
    }

    @Test(arguments: ["", "Bearer", "Digest one", "Basic !", "one"])
    func `reads no key from a header of another kind`(header: String) {
        #expect(KeyRing.key(inHeader: header) == nil)
        #expect(ring.source(ofHeader: header) == nil)
    }

    @Test func `lists the origins of browser sources only`() {
        #expect(ring.origins == ["https://shop.example"])
    }

    @Test func `gives way to the one of the next pipeline`() {
        let senders = Senders([Source(name: "a", kind: .server, trusted: true, keys: ["k"])], [])
        let before = senders.keys
        senders.replace([Source(name: "b", kind: .server, trusted: true, keys: ["k"])], [])
        #expect(senders.keys.source(of: "k")?.name == "b")
        #expect(before.source(of: "k")?.name == "a", "a request sees one pipeline to its end")
    }
}
