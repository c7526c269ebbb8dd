import CurlTransport
import Events
import Request
import SluiceTesting
import Testing

@Suite(.serialized, .enabled(if: CertificateZoo.isPossible, "there is no openssl command"))
struct `A host that speaks TLS` {
    /// The end of a GET of such a server's page.
    private func get(
        _ certificate: String, host: String = "localhost", more: [String] = [],
        trusting: Bool = true, client: String? = nil, passphrase: String? = nil
    ) async throws -> (TransportResult, port: Int) {
        let zoo = try await CertificateZoo.shared.value
        let server = try await TLSServer(certificate, of: zoo, more: more)
        var some = options { $0.totalTimeout = .seconds(10) }
        some.surroundings = Surroundings(
            authorities: trusting ? try zoo.bytes("authority.pem") : nil,
            clientCertificate: try client.map {
                .init(
                    certificate: try zoo.bytes("client.pem"), key: try zoo.bytes($0),
                    passphrase: passphrase)
            })
        let result = await post(server.url(host), method: "GET", some)
        return (result, server.port)
    }

    @Test func `and whose authority is named is trusted`() async throws {
        let (result, _) = try await get("good")
        #expect(result.answer?.status == 200, "\(result)")
    }

    private func expect(
        _ kind: TransportResult.Failure.Kind, _ words: String,
        of result: (TransportResult, port: Int)
    ) {
        let failure = result.0.failure
        #expect(failure?.kind == kind && failure?.maybeSent == false, "\(result.0)")
        let place = "localhost:\(result.port)"
        #expect(failure?.message == words.replacing("%", with: place), "\(result.0)")
    }

    @Test func `with a certificate that has expired says when`() async throws {
        let result = try await get("expired")
        #expect(
            result.0.failure?.message.contains(/expired on 20[0-9]{2}-[01][0-9]-[0-3][0-9]\./)
                == true
                && result.0.failure?.kind == .certificateExpired, "\(result.0)")
    }

    @Test func `with a certificate that is not valid yet says from when`() async throws {
        let result = try await get("early")
        #expect(
            result.0.failure?.message.contains(/only from 20[0-9]{2}-[01][0-9]-[0-3][0-9]\./)
                == true
                && result.0.failure?.kind == .certificateNotYetValid, "\(result.0)")
    }

    @Test func `with a certificate for another name says which`() async throws {
        expect(
            .certificateOfAnother,
            "The certificate of % is for another name: shop.example, www.shop.example.",
            of: try await get("other"))
    }

    @Test func `with a certificate that it signed itself is told`() async throws {
        expect(
            .certificateSelfSigned, "The certificate of % is signed by itself (self).",
            of: try await get("self"))
    }

    @Test func `with a certificate of an unknown authority names it`() async throws {
        expect(
            .certificateUnknownIssuer,
            "The certificate of % is from an authority that is not known here: authority.",
            of: try await get("good", trusting: false))
    }

    @Test func `in an old version only is told`() async throws {
        expect(
            .tlsTooOld, "% speaks only versions of TLS before 1.2.",
            of: try await get("good", more: ["-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"]))
    }

    @Test(arguments: ["-tls1_3", "-tls1_2"])
    func `and wants a client certificate gets one, or says so`(version: String) async throws {
        let zoo = try await CertificateZoo.shared.value
        let wants = [version, "-Verify", "1", "-verify_return_error", "-CAfile", "authority.pem"]
        let without = try await get("good", more: wants)
        let kind = without.0.failure?.kind
        #expect(kind == .clientCertificateWanted || version == "-tls1_2" && kind == .tls)
        let with = try await get("good", more: wants, client: "client.key")
        #expect(with.0.answer?.status == 200, "\(with.0)")
        let locked = try await get(
            "good", more: wants, client: "locked.key", passphrase: "open-sesame")
        #expect(locked.0.answer?.status == 200, "\(locked.0)")
        withExtendedLifetime(zoo) {}
    }

    @Test func `is not asked with a client certificate that cannot be used`() async throws {
        let wrong = try await get("good", client: "locked.key", passphrase: "wrong")
        expect(
            .clientCertificateUnusable, "The client certificate for % cannot be used.", of: wrong)
        let other = try await get("good", client: "good.key")
        #expect(other.0.failure?.kind == .clientCertificateUnusable, "\(other.0)")
    }

    @Test func `is not on a port of plain http`() async throws {
        func server(saying text: String) throws -> RawServer {
            try RawServer { connection in
                connection.write(text)
                connection.waitForClose()
            }
        }
        let web = try server(
            saying: "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        let mail = try server(saying: "220 mail.example ESMTP\r\n")
        for port in [web.port, mail.port] {
            let failure = await post("https://localhost:\(port)/").failure
            #expect(failure?.kind == .noTLS, "\(failure?.message ?? "")")
            #expect(failure?.message == "localhost:\(port) does not speak TLS.")
        }
    }

    @Test func `may take the connection and say nothing`() async throws {
        let server = try RawServer { $0.waitForClose() }
        let failure = await post("https://localhost:\(server.port)/").failure
        #expect(failure?.kind == .connectTimeout && failure?.maybeSent == false)
        #expect(
            failure?.message
                == "No connection with localhost:\(server.port) came about within 400 ms.")
    }

    @Test func `may break off while it is set up`() async throws {
        let server = try RawServer { _ in }
        let failure = await post("https://localhost:\(server.port)/").failure
        #expect(failure?.kind == .tlsClosed && failure?.maybeSent == false)
    }
}
