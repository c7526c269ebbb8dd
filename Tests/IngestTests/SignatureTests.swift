import Crypto
import Events
import HTTPTypes
import SluiceTesting
import Testing

@testable import Ingest

@Suite struct `The signature of a request` {
    private let now = ManualClock().now
    private let body = Array("{\"event\":\"E\"}".utf8)
    private let check = SignatureCheck([
        Source(name: "plain", kind: .server, trusted: true, keys: ["k"]),
        Source(
            name: "signing", kind: .server, trusted: true, keys: [],
            hmacSecrets: ["old", "new"]),
    ])

    private func headers(
        secret: String, sent: Timestamp, stamp: String? = nil
    ) throws -> HTTPFields {
        let stamp = stamp ?? String(sent.milliseconds)
        let code = HMAC<SHA256>.authenticationCode(
            for: Array("\(stamp).".utf8) + body, using: SymmetricKey(data: Array(secret.utf8)))
        return [
            try #require(HTTPField.Name("X-Signature")): "sha256=" + hexadecimal(code),
            try #require(HTTPField.Name("X-Timestamp")): stamp,
        ]
    }

    @Test func `names the source whose secret it fits, the old one and the new one`() throws {
        for secret in ["old", "new"] {
            let signer = try check.signer(
                of: headers(secret: secret, sent: now), body: body, at: now)
            #expect(signer?.source.name == "signing")
        }
    }

    @Test func `gives the same bytes the same message id, and others another`() throws {
        func id(_ sent: Timestamp) throws -> String? {
            try check.signer(of: headers(secret: "new", sent: sent), body: body, at: now)?.messageID
        }
        let first = try #require(try id(now))
        #expect(first.hasPrefix("sig_") && first.utf8.count == 36)
        #expect(try id(now) == first)
        #expect(try id(now - .seconds(1)) != first)
    }

    @Test func `is asked for nothing when the request carries none`() throws {
        #expect(try check.signer(of: [:], body: body, at: now) == nil)
    }

    @Test func `is refused for another body or another secret`() throws {
        let signed = try headers(secret: "new", sent: now)
        refuses { try check.signer(of: signed, body: body + [UInt8(ascii: " ")], at: now) }
        let stranger = try headers(secret: "other", sent: now)
        refuses { try check.signer(of: stranger, body: body, at: now) }
    }

    @Test func `is good for five minutes before and after our clock, and no longer`() throws {
        for minutes in [-5, 5] {
            let signed = try headers(secret: "new", sent: now + .minutes(minutes))
            #expect(try check.signer(of: signed, body: body, at: now) != nil)
            let late = try headers(
                secret: "new", sent: now + .minutes(minutes) + .milliseconds(minutes.signum()))
            refuses { try check.signer(of: late, body: body, at: now) }
        }
    }

    @Test func `needs a time in milliseconds beside it`() throws {
        var signed = try headers(secret: "new", sent: now, stamp: "yesterday")
        refuses { try check.signer(of: signed, body: body, at: now) }
        signed[try #require(HTTPField.Name("X-Timestamp"))] = nil
        refuses { try check.signer(of: signed, body: body, at: now) }
    }

    private func refuses(_ body: () throws -> (source: Source, messageID: String)?) {
        let problem = #expect(throws: Problem.self) { _ = try body() }
        #expect(problem?.code == "bad_signature")
    }
}
