import ArgumentParser
import Hummingbird
import Ingest

struct MockCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mock", abstract: "Stand-ins for services, for trying and testing.",
        subcommands: [MockVeroCommand.self])
}

struct MockVeroCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "vero",
        abstract: "Stand in for Vero's Track API v2.",
        discussion: """
            Answers 200, 400 and 401 as Vero does and ignores repeats for five minutes. Point \
            VERO_BASE_URL at http://ADDRESS/api/v2 and allow its network in allow_private.

            RULE is one of: \(FaultRule.help).
            """)

    @Option(help: "Where to listen.")
    var listen = "127.0.0.1:8089"

    @Option(help: "Write a JSON line for each request into this file.")
    var ledger: String?

    @Option(
        help: ArgumentHelp("Go wrong on purpose; may be given more than once.", valueName: "rule"))
    var fail: [String] = []

    func run() async throws {
        guard let address = ListenAddress(listen) else {
            throw ValidationError("\"\(listen)\" is no address; write host:port.")
        }
        let rules = try fail.map { text in
            guard let rule = FaultRule(text) else {
                throw ValidationError("\"\(text)\" is no rule. Known: \(FaultRule.help).")
            }
            return rule
        }
        let vero = try MockVero(ledger: ledger, rules: rules)
        let server = makeServer(vero.router(), listen: address, logger: makeLogger()) { address in
            Terminal.standard.writeError(
                "The stand-in for Vero listens on http://\(address)/api/v2")
        }
        try await server.runService()
    }
}
