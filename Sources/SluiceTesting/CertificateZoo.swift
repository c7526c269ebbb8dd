import Events

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// Good and bad certificates, made by the `openssl` command in a folder of their own: `name.pem`
/// and `name.key` for each.
package struct CertificateZoo: Sendable {
    package let folder: TemporaryFolder

    /// One of the certificates.
    private struct Plan {
        let name: String
        var alternatives = "DNS:localhost,IP:127.0.0.1"
        /// Days from today.
        var from = -1
        var to = 30
        var signer = "authority"
    }

    /// All of them; `authority` signs the others, but for `self`.
    package static let shared = Task { try await CertificateZoo() }

    private init() async throws {
        folder = try TemporaryFolder()
        _ = try folder.write(Self.configuration, to: "ca.cnf")
        _ = try folder.write("", to: "index")
        let plans = [
            Plan(name: "authority", alternatives: "", signer: "authority"), Plan(name: "good"),
            Plan(name: "expired", from: -30, to: -2), Plan(name: "early", from: 2),
            Plan(name: "other", alternatives: "DNS:shop.example,DNS:www.shop.example"),
            Plan(name: "self", signer: "self"), Plan(name: "client", alternatives: ""),
        ]
        for plan in plans { try await make(plan) }
        try await shell(
            "openssl pkcs8 -topk8 -in client.key -out locked.key -passout pass:open-sesame")
    }

    private static let configuration = """
        [it]
        database = ./index
        serial = ./serial
        policy = any
        unique_subject = no
        [any]
        organizationName = optional
        commonName = supplied
        """

    private func make(_ plan: Plan) async throws {
        let name = plan.name
        let alternatives =
            plan.alternatives.isEmpty ? "" : "subjectAltName=\(plan.alternatives)\n"
        let isAuthority = name == "authority"
        _ = try folder.write(
            "basicConstraints=CA:\(isAuthority ? "TRUE" : "FALSE")\n\(alternatives)",
            to: name + ".ext")
        let how = plan.signer == name ? "-selfsign" : "-cert \(plan.signer).pem"
        func day(_ offset: Int) -> String {
            "$(date -u -d '\(offset) days' +%Y%m%d%H%M%SZ)"
        }
        try await shell(
            """
            openssl req -new -newkey rsa:2048 -nodes -keyout \(name).key -out \(name).csr \
              -subj /O=Sluice/CN=\(name) 2>&1
            openssl ca -batch -config ca.cnf -name it -notext -create_serial -md sha256 \(how) \
              -keyfile \(plan.signer).key -in \(name).csr -out \(name).pem \
              -extfile \(name).ext -outdir . -startdate \(day(plan.from)) -enddate \(day(plan.to))
            """)
    }

    private func shell(_ command: String) async throws {
        let result = try await Program.run(
            ["-ec", command], program: "/bin/sh", folder: folder.path)
        guard result.code == 0 else { throw TestFailure(result.output + result.errors) }
    }

    package func path(_ name: String) -> String { folder.path + "/" + name }

    package func bytes(_ name: String) throws -> [UInt8] {
        Array(try Fixtures.text(path(name)).utf8)
    }

    /// True when there is an `openssl` command.
    package static var isPossible: Bool { access("/usr/bin/openssl", X_OK) == 0 }
}

/// A server that speaks TLS, on a port of loopback: `openssl s_server`.
package final class TLSServer: Sendable {
    package let port: Int
    private let child: ChildProcess

    /// Answers every GET with a page.
    ///
    /// - Parameter more: further arguments of the command.
    package init(
        _ certificate: String, of zoo: CertificateZoo, more: [String] = []
    ) async throws {
        let child = try Program.start(
            [
                "s_server", "-accept", "127.0.0.1:0", "-cert", "\(certificate).pem", "-key",
                "\(certificate).key", "-www",
            ] + more, program: "/usr/bin/openssl", folder: zoo.folder.path)
        self.child = child
        port = try await offPool {
            var text = ""
            while let some = child.output.readSome() {
                text += String(decoding: some, as: UTF8.self)
                if let found = text.firstMatch(of: /ACCEPT [^ ]*:([0-9]+)\n/),
                    let port = Int(found.1)
                {
                    return port
                }
            }
            throw TestFailure("no TLS server: \(text) \(child.errors.readToEnd())")
        }
    }

    deinit { child.send(signal: SIGKILL) }

    package func url(_ host: String = "localhost") -> String { "https://\(host):\(port)/" }
}
