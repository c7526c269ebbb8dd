import Events
import Map
import Request
import SluiceTesting
import Testing

@Suite struct `A signature` {
    private let body = Array("{\"test\": 2432232314}".utf8)

    /// Source: standardwebhooks specification 1.0.0, "Signature scheme".
    private let standard = {
        var scheme = SignatureScheme()
        scheme.encoding = .base64
        scheme.prefix = "v1,"
        scheme.separator = " "
        scheme.signed = TextTemplate("{event_id}.{timestamp}.{body}")
        scheme.secretEncoding = .base64
        scheme.secretPrefix = "whsec_"
        return scheme
    }()

    private func signed(_ values: [String: String]) -> [UInt8]? {
        standard.message(body: body) { values[$0] }
    }

    @Test func `is the one of the Standard Webhooks specification's example`() throws {
        let message = try #require(
            signed(["event_id": "msg_p5jXN8AQM9LWM0D4loKWxJek", "timestamp": "1614265330"]))
        let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
        let signature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        #expect(standard.sign(message, secrets: [secret]) == signature)
        #expect(standard.valid("v1,AAAA \(signature)", for: message, secrets: [secret]) != nil)
        #expect(standard.valid(signature, for: message + [0], secrets: [secret]) == nil)
        #expect(standard.valid(signature, for: message, secrets: ["whsec_b3RoZXI="]) == nil)
    }

    @Test func `needs a value for every name that is signed`() {
        #expect(signed(["event_id": "1"]) == nil)
    }

    @Test func `is made once for each secret while one is changed`() throws {
        let message = try #require(signed(["event_id": "1", "timestamp": "2"]))
        let both = ["whsec_b25l", "whsec_dHdv"]
        let header = standard.sign(message, secrets: both)
        #expect(header.split(separator: " ").count == 2)
        for secret in both {
            #expect(standard.valid(header, for: message, secrets: [secret]) != nil)
        }
    }

    @Test(arguments: [("whsec_b25l", true), ("b25l", true), ("whsec_", false), ("?", false)])
    func `takes only secrets that can be read`(secret: String, isTaken: Bool) {
        #expect(standard.accepts(secret) == isTaken)
    }

    @Test func `in hex is read in full or not at all`() {
        var scheme = SignatureScheme()
        scheme.prefix = "sha256="
        let signed = scheme.sign(body, secrets: ["key"])
        #expect(signed.hasPrefix("sha256=") && signed.utf8.count == 7 + 64)
        #expect(scheme.valid(signed, for: body, secrets: ["key"]) != nil)
        #expect(scheme.valid(String(signed.dropLast()), for: body, secrets: ["key"]) == nil)
        #expect(scheme.valid(String(signed.dropFirst(7)), for: body, secrets: ["key"]) == nil)
    }
}
