import ArgumentParser
import CurlTransport
import Deliver
import Events
import JSON
import Request

struct SendCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "send",
        abstract: "Send events from JSON files to a Sluice server.",
        discussion: """
            Each file holds one event ({"type": "track", …}) or a batch ({"batch": [ … ]}); '-' reads \
            standard input. The key is best given as SLUICE_WRITE_KEY, so that it is in no history.
            """)

    @Argument(help: "Files with events.")
    var files: [String]

    @Option(help: "The server.")
    var to = "http://127.0.0.1:8080"

    @Option(help: "The source's write key (default: $SLUICE_WRITE_KEY).")
    var key: String?

    @OptionGroup var output: OutputOptions

    func run() async throws {
        guard let key = key ?? StoreOptions.environment["SLUICE_WRITE_KEY"], !key.isEmpty else {
            throw Problem(
                code: "no_key", message: "There is no write key.",
                hint: "Set it: export SLUICE_WRITE_KEY=…, or give --key.")
        }
        let sender = Sender(server: to, key: key)
        defer { sender.close() }
        var failed = false
        for file in files {
            let answer = try await sender.send(try readFile(file), name: file)
            if output.json {
                Terminal.standard.write(json: answer.body)
            } else {
                Terminal.standard.write("\(file): \(answer.sentence)")
            }
            failed = failed || !answer.isGood
        }
        if failed { throw ExitCode.failure }
    }
}

/// Posts events, as a site's backend would.
struct Sender {
    let server: String
    let key: String
    private let transport = CurlTransport()

    init(server: String, key: String) {
        self.server = Self.address(server)
        self.key = key
    }

    /// A server as a person types it: `localhost:8080` is its http address.
    static func address(_ server: String) -> String {
        let address = server.contains("://") ? server : "http://" + server
        return address.hasSuffix("/") ? String(address.dropLast()) : address
    }

    func close() { transport.close() }

    struct Answer {
        let status: Int
        let body: [UInt8]

        private var root: JSONValue? { try? JSONReader.read(body).root }

        /// The event's id, when one event was accepted.
        var id: String? { root?["id"]?.string }

        var isGood: Bool {
            status == 200 && root?["rejected"].map { $0.elements.isEmpty } ?? true
        }

        /// The event was stored before.
        var isRepeat: Bool { root?["duplicate"]?.bool == true }

        /// The answer in words.
        var sentence: String {
            guard status == 200, let root else {
                let message = root?["message"]?.string ?? String(decoding: body, as: UTF8.self)
                return "refused with \(status): \(message) \(root?["hint"]?.string ?? "")"
            }
            if let accepted = root["accepted"]?.integer {
                let rejected = root["rejected"]?.elements ?? []
                var text = "accepted \(accepted), repeated \(root["duplicates"]?.integer ?? 0), "
                text += "rejected \(rejected.count)"
                for item in rejected {
                    text += "\n  event \(item["index"]?.integer ?? 0): "
                    text += "\(item["message"]?.string ?? "") \(item["hint"]?.string ?? "")"
                }
                return text
            }
            let repeated = isRepeat ? " (a repeat: it was stored before)" : ""
            return "accepted as \(root["id"]?.string ?? "?")\(repeated)"
        }
    }

    /// Sends one file's text.
    func send(_ bytes: [UInt8], name: String) async throws -> Answer {
        let result = await transport.exchange(
            OutgoingRequest(
                method: "POST", url: server + path(of: bytes),
                headers: ["Content-Type: application/json", "Authorization: Bearer \(key)"],
                body: bytes, options: options))
        switch result {
        case .answer(let answer): return Answer(status: answer.status, body: answer.body)
        case .failure(let failure):
            throw Problem(
                code: "unreachable", message: "\(server) gave no answer: \(failure.message)",
                hint: "Is the server running? sluice serve starts it; --to names another one.")
        }
    }

    /// The person who types the command says where to; every address is allowed.
    private var options: TransportOptions {
        var options = TransportOptions()
        options.allowedNetworks = ["0.0.0.0/0", "::/0"]
        options.answerKept = 1 << 20
        options.answerRead = 1 << 20
        return options
    }

    private func path(of bytes: [UInt8]) -> String {
        let root = try? JSONReader.readRepairing(bytes).document.root
        if root?["batch"] != nil { return "/v1/batch" }
        return root?["type"] == nil ? "/v1/track" : "/v1/events"
    }
}
