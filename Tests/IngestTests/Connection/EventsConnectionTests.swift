import NIOCore
import NIOHTTP1
import Testing

@testable import Ingest

@Suite struct `A connection of the ingest API` {
    @Test func `gathers a plain request and hands its body to the intake`() {
        var connection = EventsConnection()
        let parts: [Wire.Part] = [
            Wire.head("/v1/track", headers: [("Content-Length", "6")]),
            .body(ByteBuffer(string: "one")), .body(ByteBuffer(string: "two")), .end(nil),
        ]
        #expect(connection.feed(parts) == ["answer onetwo"])
        #expect(connection.answer() == [])
        #expect(connection.feed(Wire.event("next")) == ["answer next"], "the body starts anew")
    }

    @Test func `answers pipelined requests one after the other, in their order`() {
        var connection = EventsConnection()
        let all = Wire.event("a") + Wire.event("b") + Wire.event("c")
        #expect(connection.feed(all) == ["answer a"])
        #expect(connection.answer() == ["answer b"])
        #expect(connection.feed(Wire.event("d")) == [], "held behind c")
        #expect(connection.answer() == ["answer c"])
        #expect(connection.answer() == ["answer d"])
        #expect(connection.answer() == [])
    }

    @Test func `keeps the order when the router answers a request between two of its own`() {
        var connection = EventsConnection()
        let all = Wire.event("a") + Wire.routed("/healthz") + Wire.event("b")
        #expect(connection.feed(all) == ["answer a"])
        #expect(connection.answer() == ["forward /healthz", "forward end", "complete read"])
        #expect(connection.routerAnswer() == ["answer b"])
    }

    @Test func `forwards a request of the router's part by part`() {
        var connection = EventsConnection()
        #expect(connection.feed([Wire.head("/v1/import")]) == ["forward /v1/import"])
        #expect(connection.feed([.body(ByteBuffer(string: "x"))]) == ["forward x"])
        #expect(connection.feed([.end(nil)]) == ["forward end"])
        #expect(connection.feed(Wire.event("a")) == [], "the router has not answered yet")
        #expect(connection.routerAnswer() == ["answer a"])
    }

    @Test func `lets the router answer before a request has come whole`() {
        var connection = EventsConnection()
        #expect(connection.feed([Wire.head("/v1/import")]) == ["forward /v1/import"])
        #expect(connection.routerAnswer() == [])
        #expect(connection.feed([.body(ByteBuffer(string: "x"))]) == ["forward x"])
        #expect(connection.feed([.end(nil)]) == ["forward end"])
        #expect(connection.feed(Wire.event("a")) == ["answer a"], "nothing is left to wait for")
    }

    @Test func `asks for the body of a client that waits, when its turn has come`() {
        let wait = [("Expect", "100-continue")]
        var connection = EventsConnection(bodyBytes: 100)
        let plain = Wire.event("a", headers: wait)
        #expect(connection.feed(Wire.event("first") + plain) == ["answer first"])
        #expect(connection.answer() == ["invite", "answer a"])
        #expect(connection.answer() == [])
        let head = Wire.head("/v1/import?x", headers: wait + [("Content-Length", "100")])
        #expect(connection.feed([head, .end(nil)]) == ["invite /v1/import?x", "forward end"])
        #expect(connection.routerAnswer() == [])
        let large = Wire.head("/v1/import?x", headers: wait + [("Content-Length", "101")])
        #expect(connection.feed([large, .end(nil)]) == ["forward /v1/import?x", "forward end"])
        #expect(connection.routerAnswer() == [])
        let old = Wire.head("/v1/import?x", version: .http1_0, headers: wait)
        #expect(connection.feed([old]) == ["forward /v1/import?x"])
    }

    @Test func `ignores an answer of the router's when the router has no request`() {
        var connection = EventsConnection()
        _ = connection.feed(Wire.event("a") + Wire.event("b"))
        #expect(connection.routerAnswer() == [], "a is still to be answered")
        #expect(connection.answer() == ["answer b"])
    }

    @Test func `holds an error and an event behind the request that is being answered`() {
        var connection = EventsConnection()
        #expect(connection.feed(Wire.event("a")) == ["answer a"])
        #expect(connection.receive(.event(ChannelEvent.inputClosed)) == nil)
        #expect(connection.receive(.error(Broken())) == nil)
        #expect(connection.answer() == ["forward inputClosed", "forward Broken()"])
    }

    @Test func `forwards an error in the middle of a body at once`() {
        var connection = EventsConnection()
        _ = connection.feed([Wire.head("/v1/track", headers: [("Content-Length", "9")])])
        #expect(connection.receive(.error(Broken()))?.words == "forward Broken()")
    }

    @Test func `forwards an error while the router works, but not past parts that are held`() {
        var connection = EventsConnection()
        _ = connection.feed(Wire.routed("/healthz"))
        #expect(connection.receive(.error(Broken()))?.words == "forward Broken()")
        _ = connection.feed(Wire.event("a"))
        #expect(connection.receive(.error(Broken())) == nil)
        #expect(connection.routerAnswer() == ["answer a"])
        #expect(connection.answer() == ["forward Broken()"])
    }

    @Test func `reads no further while too much is held`() {
        var connection = EventsConnection()
        _ = connection.feed(Wire.event("a"))
        for _ in 0..<EventsConnection.heldItems - 1 {
            _ = connection.feed([.body(ByteBuffer(string: "x"))])
        }
        #expect(connection.askToRead()?.words == "read")
        _ = connection.receive(.event(ChannelEvent.inputClosed))
        #expect(connection.askToRead() == nil)
        #expect(connection.answer().last == "read", "asked for as soon as there is room")
        #expect(connection.answer() == [], "and only once")
    }

    @Test func `does not read again while the requests it holds still fill it`() {
        var connection = EventsConnection()
        let requests = EventsConnection.heldItems / 3 + 3
        for number in 0..<requests { _ = connection.feed(Wire.event("\(number)")) }
        #expect(connection.askToRead() == nil)
        #expect(connection.answer() == ["answer 1"])
        #expect(connection.answer() == ["answer 2", "read"])
    }

    @Test func `tells the router at once that the server stops, unless it answers itself`() {
        var connection = EventsConnection()
        #expect(connection.stop()?.words == "quiesce")
        var passing = EventsConnection()
        _ = passing.feed(Wire.routed("/healthz"))
        #expect(passing.stop()?.words == "quiesce")
    }

    @Test func `answers what has begun before the server stops`() {
        var connection = EventsConnection()
        _ = connection.feed([Wire.head("/v1/track", headers: [("Content-Length", "1")])])
        #expect(connection.stop() == nil)
        #expect(connection.feed([.body(ByteBuffer(string: "x")), .end(nil)]) == ["answer x"])
        _ = connection.feed(Wire.event("y"))
        #expect(connection.answer() == ["answer y"], "what came with it is answered as well")
        #expect(connection.answer() == ["quiesce"])
        #expect(connection.answer() == [], "once")
    }

    @Test func `lets the router's request through before it hears that the server stops`() {
        var connection = EventsConnection()
        _ = connection.feed(Wire.event("a") + Wire.routed("/healthz"))
        #expect(connection.stop() == nil)
        let expected = ["forward /healthz", "forward end", "complete read", "quiesce"]
        #expect(connection.answer() == expected)
    }

    @Test func `closes after a whole interval in which nothing came`() {
        var connection = EventsConnection()
        _ = connection.feed([Wire.head("/v1/track", headers: [("Content-Length", "1")])])
        #expect(connection.endInterval() == nil, "something came in this one")
        #expect(connection.endInterval()?.words == "close")
    }

    @Test func `is not closed while an answer is due, and has an interval after it`() {
        var connection = EventsConnection()
        _ = connection.feed(Wire.event("a"))
        for _ in 0..<3 { #expect(connection.endInterval() == nil) }
        _ = connection.answer()
        #expect(connection.endInterval() == nil, "the part came after the last idle interval")
        #expect(connection.endInterval()?.words == "close")

        var passing = EventsConnection()
        _ = passing.feed(Wire.routed("/healthz"))
        for _ in 0..<3 { #expect(passing.endInterval() == nil) }
    }

    @Test func `closes when nothing comes at all, or a request of the router's does not go on`() {
        var fresh = EventsConnection()
        #expect(fresh.endInterval()?.words == "close")
        var passing = EventsConnection()
        _ = passing.feed([Wire.head("/v1/import")])
        #expect(passing.endInterval() == nil)
        #expect(passing.endInterval()?.words == "close")
    }
}
