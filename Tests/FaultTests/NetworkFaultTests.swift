import Deliver
import Events
import JSON
import Log
import SluiceTesting
import Testing

@testable import SQLiteStore

extension Faults {
    @Suite struct `When the network breaks` {
        /// The first attempt at each of these addresses, and how the destinations stand.
        private func attempts(
            at addresses: [String: String], more: String = ""
        ) async throws -> (notes: [String: String], held: Set<String>) {
            let folder = try TemporaryFolder()
            let destinations = addresses.sorted { $0.key < $1.key }.map { name, url in
                """
                "\(name)": {"blueprint": "\(Fixtures.root)/Blueprints/webhook.json",
                  "parameters": {"url": "\(url)"}\(more)}
                """
            }
            let config = try folder.write(
                """
                {"allow_private": "127.0.0.0/8",
                 "sources": {"backend": {"kind": "server", "keys": ["key"]}},
                 "destinations": {\(destinations.joined(separator: ","))}}
                """, to: "pipeline.json")
            let data = folder.path + "/data"
            let server = try await ServerProcess(data: data, environment: [:], config: config)
            #expect(await Load().post(1, to: server.url) == 200)
            let log = try SQLiteLog(directory: data)
            let event = try #require(try log.events(messageID: "m-1").first)
            var notes: [String: String] = [:]
            for name in addresses.keys {
                notes[name] = try await eventually("the attempt at \(name)") {
                    try log.detail(DeliveryID(event: event, destination: name))?
                        .attempts.first?.attempt.note
                }
            }
            let held = try log.destinations().filter { $0.hold != nil }.map(\.name)
            #expect(try Ledger(data).waiting == addresses.count, "nothing is lost or given up")
            #expect(try await server.terminate() == 0)
            return (notes, Set(held))
        }

        @Test func `one forbidden address of two hides nothing, and holds nothing`() async throws {
            let port = try { try Sink().url }()
            let url = port.replacing("127.0.0.1", with: "localhost")
            let (notes, held) = try await attempts(at: ["both": url])
            #expect(notes["both"]?.contains("refused the connection") == true, "\(notes)")
            #expect(held.isEmpty)
            report("two addresses, one forbidden: \"\(notes["both"] ?? "")\" and no hold")
        }

        @Test(.enabled(if: CertificateZoo.isPossible, "there is no openssl command"))
        func `each bad certificate is told apart, and gets nothing`() async throws {
            let zoo = try await CertificateZoo.shared.value
            let words = [
                "expired": "expired on 20", "early": "is valid only from 20",
                "other": "is for another name: shop.example", "self": "is signed by itself",
                "good": "from an authority that is not known",
            ]
            var servers: [String: TLSServer] = [:]
            for name in words.keys { servers[name] = try await TLSServer(name, of: zoo) }
            let plain = try RawServer { connection in
                connection.write("220 mail.example\r\n")
                connection.waitForClose()
            }
            var addresses = servers.mapValues { $0.url() }
            addresses["plain"] = "https://localhost:\(plain.port)/"
            // With an authority that signed all but these two.
            let known = addresses.filter { !["good", "self"].contains($0.key) }
            var (notes, held) = try await attempts(
                at: known, more: ", \"ca_file\": \"\(zoo.path("authority.pem"))\"")
            let unknown = try await attempts(at: addresses.filter { known[$0.key] == nil })
            notes.merge(unknown.notes) { $1 }
            held.formUnion(unknown.held)
            for (name, words) in words {
                #expect(notes[name]?.contains(words) == true, "\(name): \(notes[name] ?? "")")
            }
            #expect(notes["plain"]?.contains("does not speak TLS") == true)
            #expect(held.isEmpty)
            report("certificates: \(notes.count) kinds told apart, nothing sent, no hold")
        }
    }
}
