import Events
import Request
import SluiceTesting
import Testing

@testable import CurlTransport

@Suite struct `An address` {
    @Test func `nobody listens on was not reached`() async throws {
        let port = try { try RawServer.answering(ok).port }()
        let failure = await post("http://127.0.0.1:\(port)/").failure
        #expect(failure?.kind == .connect && failure?.maybeSent == false)
        #expect(failure?.message == "127.0.0.1:\(port) refused the connection.")
    }

    @Test func `without a way to it is told`() async throws {
        let some = options { $0.allowedNetworks = ["255.255.255.255/32"] }
        let failure = await post("http://255.255.255.255:9/", some).failure
        #expect(failure?.kind == .unreachable && failure?.maybeSent == false)
        #expect(
            failure?.message
                == "255.255.255.255:9 cannot be reached: there is no way to its network.")
    }

    @Test func `with a name that does not exist is a fault of the name`() async {
        let failure = await post(
            "https://does-not-exist.invalid/", options { $0.totalTimeout = .seconds(5) }
        ).failure
        #expect(failure?.kind == .dns && failure?.maybeSent == false)
        #expect(failure?.message == "The name of does-not-exist.invalid:443 cannot be resolved.")
    }

    @Test(arguments: [
        "http://127.0.0.1:%/", "http://localhost:%/", "http://2130706433:%/", "http://0x7f.1:%/",
        "http://[::ffff:127.0.0.1]:%/", "https://127.0.0.1:%/", "https://localhost:%/",
    ])
    func `that is private is refused before anything is sent, however it is written`(url: String)
        async throws
    {
        let connections = Locked(0)
        let server = try RawServer { _ in connections.withLock { $0 += 1 } }
        let target = url.replacing("%", with: "\(server.port)")
        let failure = await post(target, options { $0.allowedNetworks = [] }).failure
        #expect(failure?.kind == .blocked && failure?.maybeSent == false)
        #expect(connections.withLock { $0 } == 0)
    }

    @Test func `of several counts, when one is forbidden and another was tried`() async throws {
        let port = try { try RawServer.answering(ok).port }()
        // ::1 and 127.0.0.1; only one of them may be tried, and nobody listens there.
        let some = options { $0.allowedNetworks = ["127.0.0.0/8"] }
        let failure = await post("http://localhost:\(port)/", some).failure
        #expect(failure?.kind == .connect, "\(failure?.message ?? "")")
    }

    @Test func `of several is no obstacle, when one is forbidden and another answers`() async throws
    {
        let server = try RawServer.answering(ok)
        let some = options { $0.allowedNetworks = ["127.0.0.0/8"] }
        #expect(await post("http://localhost:\(server.port)/", some).answer?.status == 200)
    }

    @Test func `in public is not called private when only http is wrong with it`() {
        let fault = TransportOptions().fault(of: "http://93.184.215.14/x")
        #expect(fault?.kind == .plainHTTP)
        #expect(
            fault?.message
                == "93.184.215.14:80 is reached over plain http, which is only allowed to networks in allow_private."
        )
        #expect(TransportOptions().fault(of: "http://shop.example/")?.kind == .plainHTTP)
        #expect(TransportOptions().fault(of: "http://10.1.2.3/")?.kind == .blocked)
    }

    @Test(arguments: [
        ("64:ff9b::7f00:1", AddressGuard.Verdict.special), ("64:ff9b::808:808", .permitted),
        ("64:ff9b:1::a00:1", .special), ("64:ff9b:1::808:808", .permitted),
        ("64:ff9b:1:a00:0:100::", .special), ("2002:7f00:1::1", .special),
        ("2002:808:808::1", .permitted), ("::ffff:10.0.0.1", .special),
        ("::ffff:8.8.8.8", .permitted), ("::ffff:0:a00:1", .special), ("::127.0.0.1", .special),
        ("::1", .special), ("::", .special), ("2606:4700::1111", .permitted),
        ("fd00::1", .special), ("169.254.169.254", .special), ("8.8.8.8", .permitted),
    ])
    func `that stands for another is judged by the one inside`(
        text: String, verdict: AddressGuard.Verdict
    ) throws {
        let address = try #require(Network.parse(text))
        #expect(AddressGuard(allowedNetworks: [], isSecure: true).judge(address) == verdict)
    }

    @Test func `inside another is allowed by its own network or by the outer one`() throws {
        let address = try #require(Network.parse("64:ff9b::a00:1"))
        for network in ["10.0.0.0/8", "64:ff9b::/96"] {
            let some = AddressGuard(allowedNetworks: [network], isSecure: true)
            #expect(some.judge(address) == .permitted)
        }
        let other = AddressGuard(allowedNetworks: ["192.168.0.0/16"], isSecure: true)
        #expect(other.judge(address) == .special)
    }

    private static let unusable = [
        ("", "it is empty"), ("https://a b.example/", "a blank"),
        (" https://a.example/", "a blank"),
        ("https://a.example/\n", "a blank"), ("https://a.example/\u{200B}", "invisible"),
        ("https://a.example:99999/", "its port"), ("https://a.example:0/", "its port"),
        ("https://a.example:x/", "its port"), ("ftp://a.example/", "it begins with ftp://"),
        ("file:///etc/passwd", "it begins with file://"), ("a.example/x", "does not begin with"),
        ("not-a-url", "does not begin with"), ("https:a.example", "does not begin with"),
        ("https:///a.example", "its host"), ("https://", "its host"),
        ("https://a..example/", "host"),
        ("https://\(String(repeating: "a", count: 64)).example/", "its host"),
        ("https://[::1/", "its host"), ("https://a\"b.example/", "its host"),
    ]

    @Test(arguments: unusable) func `that cannot be used is refused by name, and never sent to`(
        url: String, words: String
    ) async {
        let fault = TransportOptions().fault(of: url)
        #expect(fault?.kind == .invalidAddress)
        #expect(fault?.message.contains(words) == true, "\(fault?.message ?? "no fault")")
        let failure = await post(url).failure
        #expect(failure?.kind == .invalidAddress && failure?.message == fault?.message)
    }

    @Test func `that was refused leaves nothing behind for the next one`() async throws {
        let server = try RawServer { $0.waitForClose() }
        let transport = CurlTransport()
        defer { transport.close() }
        func exchange(_ url: String, _ timeout: Duration) async -> String? {
            await transport.exchange(
                OutgoingRequest(
                    method: "POST", url: url, headers: [], body: [],
                    options: options { $0.totalTimeout = timeout })
            ).failure?.message
        }
        let place = "127.0.0.1:\(server.port)"
        #expect(
            await exchange(server.url, .milliseconds(300))
                == "\(place) did not answer within 300 ms.")
        _ = await exchange("not a url", .milliseconds(200))
        #expect(
            await exchange(server.url, .milliseconds(200))
                == "\(place) did not answer within 200 ms.")
    }

    @Test func `in other letters is known by its name in ASCII`() throws {
        let address = try WebAddress("https://bücher.example/weg")
        #expect(address.host == "xn--bcher-kva.example" && address.port == 443)
    }

    @Test func `of a network is recognised`() {
        #expect(isNetwork("10.0.0.0/8") && isNetwork("::1") && isNetwork("fd00::/8"))
        #expect(!isNetwork("10.0.0.0/33") && !isNetwork("home") && !isNetwork(""))
    }
}
