import Events
import Map
import SluiceTesting
import Testing

@testable import Webhooks

/// The scheme of Stripe: one header with time and signatures.
///
/// Source: docs.stripe.com/webhooks, "Verify webhook signatures manually".
private let stripe = """
    {"scheme":"hmac","header":"Stripe-Signature","separator":",","prefix":"v1=",
     "signed":"{timestamp}.{body}","timestamp":{"header":"Stripe-Signature","prefix":"t="}}
    """
/// The scheme of Shopify: base 64 over the body alone.
///
/// Source: shopify.dev, "Deliver webhooks through HTTPS", verification.
private let shopify = """
    {"scheme":"hmac","header":"X-Shopify-Hmac-Sha256","encoding":"base64"}
    """
/// Source: standardwebhooks specification 1.0.0, "Signature scheme".
private let standard = """
    {"scheme":"hmac","header":"webhook-signature","separator":" ","prefix":"v1,",
     "encoding":"base64","signed":"{header:webhook-id}.{timestamp}.{body}",
     "timestamp":{"header":"webhook-timestamp"},"secret_encoding":"base64",
     "secret_prefix":"whsec_"}
    """

@Suite struct `A webhook's verification` {
    private let now = Timestamp(milliseconds: 1_614_265_330_000)
    private let body = Array("{\"test\": 2432232314}".utf8)

    @Test func `takes the example of the Standard Webhooks specification`() throws {
        let source = try Fixtures.webhookSource(
            "custom", verification: standard, secrets: ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"])
        let headers = [
            "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek", "webhook-timestamp": "1614265330",
            "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        ]
        #expect(try verify(source, headers)?.hasPrefix("sig_") == true)
        for name in headers.keys {
            var other = headers
            other[name] = nil
            #expect(throws: Problem.self) { try verify(source, other) }
            other[name] = headers[name].map { $0 + "1" }
            #expect(throws: Problem.self) { try verify(source, other) }
        }
    }

    @Test func `takes Stripe's scheme with several signatures in one header`() throws {
        let source = try Fixtures.webhookSource(
            "custom", verification: stripe, secrets: ["whsec_new", "whsec_old"])
        // Made with: printf '%s' '1614265330.{"test": 2432232314}' | openssl dgst -sha256 -hmac …
        let old = "c76d87d4dc92a8bf8b5b8ef0c4a3d6f7a4a0b4e8a4f4f7c1d3c3f7d7f0d0e0aa"
        let own = source.headers(for: body, id: "", at: now).first?.dropFirst(18) ?? ""
        #expect(own.hasPrefix("t=1614265330,v1="))
        #expect(try verify(source, ["stripe-signature": "\(own),v1=\(old),v0=6ffbb59b"]) != nil)
        // The same request with its signatures in another order is the same request.
        #expect(
            try verify(source, ["stripe-signature": "v0=1, v1=\(old), \(own)"])
                == verify(source, ["stripe-signature": own.description]))
        #expect(throws: Problem.self) {
            try verify(source, ["stripe-signature": "t=1614265330,v1=\(old)"])
        }
    }

    @Test func `takes Shopify's scheme, in which equal bodies are no repeats`() throws {
        let source = try Fixtures.webhookSource(
            "custom", verification: shopify, secrets: ["hush"])
        let header = try #require(source.headers(for: body, id: "", at: now).first)
        let value = String(header.dropFirst("X-Shopify-Hmac-Sha256: ".count))
        #expect(value == "GSMkouYq910XCW7wBeiXYHW1KhmYc/L3xj5h5r26zw4=")
        #expect(try verify(source, ["x-shopify-hmac-sha256": value]) == nil)
        #expect(throws: Problem.self) {
            try source.verify(body: body + [UInt8(ascii: " ")], at: now) { _ in value }
        }
    }

    @Test(arguments: [-301, 301])
    func `refuses what was signed more than five minutes off`(seconds: Int64) throws {
        let source = try Fixtures.webhookSource(
            "custom", verification: stripe, secrets: ["whsec_new"])
        let stale = source.headers(for: body, id: "", at: now + .seconds(seconds))[0]
            .dropFirst(18)
        #expect(throws: Problem.self) { try verify(source, ["stripe-signature": String(stale)]) }
        let near = source.headers(for: body, id: "", at: now + .seconds(seconds > 0 ? 300 : -300))
        #expect(try verify(source, ["stripe-signature": String(near[0].dropFirst(18))]) != nil)
    }

    @Test func `takes either secret of a rotation, and only as long as both are listed`() throws {
        let old = try Fixtures.webhookSource("custom", verification: stripe, secrets: ["old-one"])
        let header = String(old.headers(for: body, id: "", at: now)[0].dropFirst(18))
        for (secrets, isGood) in [(["new", "old-one"], true), (["new"], false), ([], false)] {
            let source = try Fixtures.webhookSource(
                "custom", verification: stripe, secrets: secrets)
            let verified = try? verify(source, ["stripe-signature": header])
            #expect((verified != nil) == isGood)
        }
    }

    @Test func `takes a secret in a header`() throws {
        let source = try Fixtures.webhookSource(
            "custom",
            verification: "{\"scheme\":\"header\",\"header\":\"X-Secret\",\"prefix\":\"Token \"}",
            secrets: ["one", "two"])
        #expect(try verify(source, ["x-secret": "Token two"]) == nil)
        for wrong in ["two", "Token three", "Token ", ""] {
            #expect(throws: Problem.self) { try verify(source, ["x-secret": wrong]) }
        }
        #expect(throws: Problem.self) { try verify(source, [:]) }
    }

    @Test func `takes Basic authorization`() throws {
        let source = try Fixtures.webhookSource(
            "custom", verification: "{\"scheme\":\"basic\"}", secrets: ["vero:pass:word"])
        let good = Base64.encode(Array("vero:pass:word".utf8))
        #expect(try verify(source, ["authorization": "Basic \(good)"]) == nil)
        for wrong in ["Bearer \(good)", "Basic !!", "Basic \(Base64.encode(Array("vero:".utf8)))"] {
            #expect(throws: Problem.self) { try verify(source, ["authorization": wrong]) }
        }
    }

    private func verify(_ source: WebhookSource, _ headers: [String: String]) throws -> String? {
        try source.verify(body: body, at: now) { headers[$0.lowercased()] }
    }
}

@Suite struct `Base 64` {
    @Test(arguments: [
        ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="),
        ("fooba", "Zm9vYmE="), ("foobar", "Zm9vYmFy"),
    ])
    func `is written and read as RFC 4648 shows it`(text: String, encoded: String) {
        #expect(Base64.encode(Array(text.utf8)) == encoded)
        #expect(Base64.decode(encoded) == Array(text.utf8))
        #expect(Base64.decode(encoded.filter { $0 != "=" }) == Array(text.utf8))
    }

    @Test func `reads the alphabet for addresses too, and nothing else`() {
        #expect(Base64.decode("-_-_") == Base64.decode("+/+/"))
        #expect(Base64.decode("a b") == nil)
    }
}
