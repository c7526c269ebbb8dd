import Events
import Request
import SluiceTesting
import Testing

@testable import sluice

@Suite(.enabled(if: CertificateZoo.isPossible, "there is no openssl command"))
struct `The surroundings of a destination` {
    private func pipeline(_ more: String, url: String = "https://shop.example/") -> String {
        """
        {"allow_private": "127.0.0.0/8", "sources": {}, "destinations": {
          "crm": {"blueprint": "\(Fixtures.root)/Blueprints/webhook.json",
            "limits": {"total_timeout": 10}, "parameters": {"url": "\(url)"},
            \(more)}}}
        """
    }

    private func check(_ more: String) async throws -> Program.Result {
        let zoo = try await CertificateZoo.shared.value
        let folder = try TemporaryFolder()
        let text = pipeline(more.replacing("ZOO", with: zoo.folder.path))
        let path = try folder.write(text, to: "pipeline.json")
        _ = try folder.write(
            "-----BEGIN CERTIFICATE-----\nbm90IGE=\n-----END CERTIFICATE-----\n", to: "broken.pem")
        return try await Program.run(["check", path])
    }

    @Test(arguments: [
        ("\"ca_file\": \"nothing.pem\"", "4:16", "cannot be read"),
        ("\"ca_file\": \"pipeline.json\"", "4:16", "is no certificate in PEM"),
        ("\"ca_file\": \"broken.pem\"", "4:16", "is no certificate in PEM"),
        ("\"ca_file\": \"ZOO/good.key\"", "4:16", "is no certificate in PEM"),
        (
            "\"client_certificate\": {\"certificate\": \"ZOO/client.pem\"}", "4:27",
            "has no \"key\""
        ),
        (
            "\"client_certificate\": {\"key\": \"ZOO/client.pem\", \"certificate\": \"ZOO/client.pem\"}",
            "4:35", "is no private key"
        ),
        (
            "\"client_certificate\": {\"key\": \"ZOO/locked.key\", \"certificate\": \"ZOO/client.pem\"}",
            "4:35", "has a passphrase"
        ),
        ("\"proxy\": {\"url\": \"http://10.0.0.1:3128\"}", "4:22", "private or local"),
        ("\"proxy\": {\"url\": \"socks5://127.0.0.1:1\"}", "4:22", "socks5://"),
        ("\"proxy\": {\"url\": \"http://a:b@127.0.0.1:1\"}", "4:22", "more than a scheme"),
        ("\"proxy\": {\"url\": \"http://127.0.0.1:1/path\"}", "4:22", "more than a scheme"),
    ])
    func `are refused with line and column when they cannot be used`(
        more: String, place: String, words: String
    ) async throws {
        let result = try await check(more)
        #expect(result.code == 1)
        #expect(result.errors.contains("pipeline.json:\(place)"), "\(result.errors)")
        #expect(result.errors.contains(words), "\(result.errors)")
    }

    @Test func `are good when they can be used`() async throws {
        let result = try await check(
            """
            "ca_file": "ZOO/authority.pem", "proxy": {"url": "http://127.0.0.1:3128"},
            "client_certificate": {"certificate": "ZOO/client.pem", "key": "ZOO/locked.key",
              "passphrase": "open-sesame"}
            """)
        #expect(result.code == 0, "\(result.errors)")
    }

    @Test func `are used, and read again when a file has changed`() async throws {
        let zoo = try await CertificateZoo.shared.value
        let server = try await TLSServer(
            "good", of: zoo,
            more: ["-Verify", "1", "-verify_return_error", "-CAfile", "authority.pem"])
        let folder = try TemporaryFolder()
        let good = try Fixtures.text(zoo.path("authority.pem"))
        _ = try folder.write(try Fixtures.text(zoo.path("other.pem")), to: "ca.pem")
        let path = try folder.write(
            pipeline(
                """
                "ca_file": "ca.pem", "client_certificate": {
                  "certificate": "\(zoo.path("client.pem"))", "key": "\(zoo.path("client.key"))"}
                """, url: server.url()), to: "pipeline.json")
        func read() throws -> (files: [String], surroundings: Surroundings?) {
            let file = try PipelineFile.read(path, .init(environment: [:]))
            return (file.files, file.limits["crm"]?.options.surroundings)
        }
        let before = try read()
        #expect(before.files.contains(folder.path + "/ca.pem"))
        func test() async throws -> Program.Result {
            try await Program.run(
                ["destination", "test", "crm", "--config", path, "--data", folder.path + "/data"])
        }
        let refused = try await test()
        #expect(refused.output.contains("from an authority that is not known"), "\(refused.output)")
        _ = try folder.write(good, to: "ca.pem")
        #expect(try read().surroundings != before.surroundings)
        // The server takes the certificate and, being no receiver, does not answer a POST.
        let taken = try await test()
        #expect(!taken.output.contains("bad_certificate"), "\(taken.output)")
    }

    @Test func `say nothing of the environment's proxies`() async throws {
        let seen = Locked<[String]>([])
        let proxy = try RawServer { connection in
            while let request = connection.readRequest() {
                seen.withLock { $0.append(request) }
                connection.write(
                    request.hasPrefix("CONNECT ")
                        ? "HTTP/1.1 200 OK\r\n\r\n"
                        : "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
            }
        }
        let folder = try TemporaryFolder()
        let path = try folder.write(
            pipeline(
                "\"proxy\": {\"url\": \"http://127.0.0.1:\(proxy.port)\", \"user\": \"u\", \"password\": \"${PW}\"}",
                url: "http://127.0.0.1:9/"), to: "pipeline.json")
        let result = try await Program.run(
            ["destination", "test", "crm", "--config", path, "--data", folder.path + "/data"],
            environment: [
                "PW": "let-me-through", "http_proxy": "http://127.0.0.1:1", "no_proxy": "*",
                "NO_PROXY": "*",
            ])
        #expect(result.code == 0, "\(result.output)\(result.errors)")
        #expect(!result.output.contains("let-me-through"))
        #expect(seen.withLock { $0.first?.hasPrefix("CONNECT 127.0.0.1:9 ") } == true)
    }
}
