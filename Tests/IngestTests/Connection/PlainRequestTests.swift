import NIOHTTP1
import Testing

@testable import Ingest

@Suite struct `A plain request` {
    private func plain(
        _ uri: String = "/v1/track", method: HTTPMethod = .POST, version: HTTPVersion = .http1_1,
        headers: [(String, String)] = [("Content-Length", "2")]
    ) -> PlainRequest? {
        PlainRequest(
            HTTPRequestHead(
                version: version, method: method, uri: uri, headers: HTTPHeaders(headers)))
    }

    @Test func `is a POST of a known size to a path of events`() throws {
        for route in Intake.routes { #expect(plain(route.path) != nil, "\(route.path)") }
        let request = try #require(
            plain(
                "/v1/batch",
                headers: [
                    ("content-LENGTH", "2"), ("authorization", "Bearer k"),
                    ("Connection", "Keep-Alive"), ("Content-Type", "application/json"),
                ]))
        #expect(request.authorization == "Bearer k")
        guard case .batch = request.shape else {
            Issue.record("/v1/batch has the shape \(request.shape)")
            return
        }
    }

    @Test func `may wait to be asked for its body`() {
        let size = ("Content-Length", "2")
        #expect(plain(headers: [size, ("expect", "100-Continue")])?.awaitsInvitation == true)
        #expect(plain(headers: [size])?.awaitsInvitation == false)
    }

    @Test func `is nothing else`() {
        #expect(plain("/v1/track?writeKey=k") == nil)
        #expect(plain("/healthz") == nil)
        #expect(plain(method: .GET) == nil)
        #expect(plain(version: .http1_0) == nil)
        #expect(plain(headers: []) == nil, "no size")
        #expect(plain(headers: [("Content-Length", "two")]) == nil)
    }

    @Test func `has a small body`() {
        #expect(plain(headers: [("Content-Length", String(PlainRequest.bodyBytes))]) != nil)
        #expect(plain(headers: [("Content-Length", String(PlainRequest.bodyBytes + 1))]) == nil)
    }

    @Test(arguments: [
        ("Origin", "https://shop.example"), ("Expect", "something"), ("Upgrade", "h2c"),
        ("X-Signature", "sha256=0"), ("Content-Encoding", "gzip"),
        ("Transfer-Encoding", "chunked"), ("Connection", "close"),
    ])
    func `has no header that changes how it is served`(name: String, value: String) {
        let size = ("Content-Length", "2")
        #expect(plain(headers: [size, (name, value)]) == nil)
        #expect(plain(headers: [size, (name.lowercased(), value)]) == nil)
        #expect(plain(headers: [size, (name + "-Other", value)]) != nil)
    }
}
