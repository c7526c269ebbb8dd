import Events
import Identify
import Pipeline
import SluiceTesting
import Testing

@Suite struct `An email` {
    @Test(arguments: [
        "8c87b489ce35cf2e2f39f80e282cb2e804932a56a213983eeeb428407d43b52d",
        "5D41402ABC4B2A76B9719D911017C592", "aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d",
        "n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg=", "XUFAKrxLKna5cZ2REBfFkg==",
    ])
    func `that is a digest is taken for hashed`(text: String) {
        #expect(EmailCheck(text) == .hashed)
    }

    @Test(arguments: ["a@b.co", "jane.doe+x@mail.example.com", "ü@exämple.de"])
    func `that is an address is usable`(text: String) {
        #expect(EmailCheck(text) == .usable(text))
    }

    @Test(arguments: ["jane", "jane@", "@x.co", "a@b", "a b@c.de", "a@b@c.de", "a@b..co"])
    func `that is none is invalid`(text: String) {
        #expect(EmailCheck(text) == .invalid)
    }
}

private func resolved(
    _ event: Event, in people: inout MemoryPeople
) throws -> Resolution {
    try Identifier.resolve(event, StatedEmail(in: event), in: &people)
}

@Suite struct `The identity of an event` {
    private func resolve(
        _ texts: [String], trusted: Bool = true, into people: inout MemoryPeople
    ) throws -> Resolution {
        var result: Resolution?
        for text in texts {
            result = try resolved(
                try Fixtures.accepted(text, trusted: trusted), in: &people)
        }
        return try #require(result)
    }

    private let identify = """
        {"type":"identify","userId":"1","anonymousId":"a","traits":{"email":"jane@example.com"}}
        """

    @Test func `takes the email of the traits before that of the context`() throws {
        var people = MemoryPeople()
        let text = """
            {"type":"identify","userId":"1","traits":{"email":"a@x.co"},"context":{"traits":{"email":"b@x.co"}}}
            """
        #expect(try resolve([text], into: &people).identity.email == "a@x.co")
    }

    @Test func `knows the email that an earlier identify gave for the user`() throws {
        var people = MemoryPeople()
        let track = "{\"type\":\"track\",\"event\":\"E\",\"userId\":\"1\"}"
        #expect(try resolve([identify, track], into: &people).identity.email == "jane@example.com")
    }

    @Test func `knows the email that belongs to a linked anonymous id, but no user id by it`()
        throws
    {
        var people = MemoryPeople()
        let track = "{\"type\":\"track\",\"event\":\"E\",\"anonymousId\":\"a\"}"
        let identity = try resolve([identify, track], into: &people).identity
        #expect(identity.email == "jane@example.com" && identity.userID == nil)
    }

    @Test func `knows the linked user's email of now, not of then`() throws {
        var people = MemoryPeople()
        let now = "{\"type\":\"identify\",\"userId\":\"1\",\"traits\":{\"email\":\"new@x.co\"}}"
        let track = "{\"type\":\"track\",\"event\":\"E\",\"anonymousId\":\"a\"}"
        #expect(try resolve([identify, now, track], into: &people).identity.email == "new@x.co")
    }

    @Test func `goes on in an anonymous person's lane after an alias`() throws {
        var people = MemoryPeople()
        let before = "{\"type\":\"track\",\"event\":\"E\",\"anonymousId\":\"x\"}"
        let alias =
            "{\"type\":\"alias\",\"userId\":\"2\",\"previousId\":\"x\",\"anonymousId\":\"x\"}"
        let after = "{\"type\":\"track\",\"event\":\"E\",\"userId\":\"2\"}"
        let lane = try resolve([before], into: &people).identity.lane
        #expect(try resolve([alias, after], into: &people).identity.lane == lane)
    }

    @Test func `does not lend an anonymous id's email to another user`() throws {
        var people = MemoryPeople()
        let track = "{\"type\":\"track\",\"event\":\"E\",\"userId\":\"2\",\"anonymousId\":\"a\"}"
        #expect(try resolve([identify, track], into: &people).identity.email == nil)
    }

    @Test func `keeps one lane for a user, and the old one after an alias`() throws {
        var people = MemoryPeople()
        let old = try resolve(
            ["{\"type\":\"track\",\"event\":\"E\",\"userId\":\"1\"}"], into: &people)
        let alias = try resolve(
            ["{\"type\":\"alias\",\"userId\":\"2\",\"previousId\":\"1\"}"], into: &people)
        let new = try resolve(
            ["{\"type\":\"track\",\"event\":\"E\",\"userId\":\"2\"}"], into: &people)
        #expect(old.identity.lane == alias.identity.lane)
        #expect(old.identity.lane == new.identity.lane)
    }

    @Test func `says that an email was hashed or invalid and leaves it out`() throws {
        var people = MemoryPeople()
        for (email, state) in [
            ("5d41402abc4b2a76b9719d911017c592", Identity.EmailState.hashed), ("jane", .invalid),
        ] {
            let text =
                "{\"type\":\"track\",\"event\":\"E\",\"userId\":\"9\",\"context\":{\"traits\":{\"email\":\"\(email)\"}}}"
            let identity = try resolve([text], into: &people).identity
            #expect(identity.emailState == state && identity.email == nil)
        }
    }

    @Suite struct `from a browser key` {
        private func browser(_ text: String, _ people: inout MemoryPeople) throws
            -> Resolution
        {
            try resolved(try Fixtures.accepted(text, trusted: false), in: &people)
        }

        private func server(_ text: String, _ people: inout MemoryPeople) throws {
            _ = try resolved(try Fixtures.accepted(text), in: &people)
        }

        private func identify(_ email: String) -> String {
            "{\"type\":\"identify\",\"userId\":\"1\",\"traits\":{\"email\":\"\(email)\"}}"
        }

        @Test func `does not bring in an email`() throws {
            var people = MemoryPeople()
            #expect(try browser(identify("victim@x.co"), &people).refusal == .untrustedIdentity)
            let track =
                "{\"type\":\"track\",\"event\":\"E\",\"userId\":\"1\",\"context\":{\"traits\":{\"email\":\"v@x.co\"}}}"
            let person = try browser(track, &people)
            #expect(person.refusal == nil && person.identity.email == nil)
            #expect(person.identity.emailState == .untrusted)
        }

        @Test func `may repeat the email a server key stored`() throws {
            var people = MemoryPeople()
            try server(identify("jane@x.co"), &people)
            let person = try browser(identify("Jane@X.co"), &people)
            #expect(person.refusal == nil && person.identity.email == "Jane@X.co")
        }

        @Test func `may neither alias nor change a subscription`() throws {
            var people = MemoryPeople()
            for text in [
                "{\"type\":\"alias\",\"userId\":\"2\",\"previousId\":\"1\"}",
                "{\"type\":\"track\",\"event\":\"Unsubscribe\",\"userId\":\"1\"}",
                "{\"type\":\"track\",\"event\":\"resubscribed\",\"userId\":\"1\"}",
            ] {
                #expect(try browser(text, &people).refusal == .untrustedIdentity)
            }
        }
    }
}
