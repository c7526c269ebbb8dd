import Events
import FoundationEssentials
import HTTPTypes
import Hummingbird
import Identify
import Ingest
import JSON
import Logging
import NIOCore
import ServiceLifecycle

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// A stand-in for Vero's Track API v2 (help.getvero.com/api-reference), for trying and testing.
///
/// It knows the methods and paths, answers 200, 400 and 401, checks lengths and addresses, ignores
/// repeats for five minutes, and writes one JSON line for each request into its ledger.
final class MockVero: Sendable {
    /// The time in which Vero ignores the same event of the same user.
    private static let dedupeWindow: Duration = .minutes(5)
    /// Vero: "less than 255 characters".
    private static let lengthLimit = 255

    private struct State {
        var rules: [FaultRule]
        var times: [String: Int] = [:]
        var seen: [String: Timestamp] = [:]
        var ledger: [String] = []
        var file: LedgerFile?
    }
    private let state: Locked<State>
    private let clock: WorldClock

    /// - Parameter ledger: a file that gets a line for each request; nil keeps them in memory only.
    init(ledger: String? = nil, rules: [FaultRule] = [], clock: WorldClock = .system) throws {
        let file = try ledger.map { try LedgerFile(appendingTo: $0) }
        state = Locked(State(rules: rules, file: file))
        self.clock = clock
    }

    /// The lines written so far, one JSON object each.
    var ledger: [String] { state.withLock { $0.ledger } }

    /// Changes what goes wrong from now on.
    func set(_ rules: [FaultRule]) { state.withLock { $0.rules = rules } }

    /// The paths of Vero's Track API, with and without `.json`.
    private static let paths: [(method: HTTPRequest.Method, path: String)] = [
        (.post, "/events/track"), (.post, "/users/track"), (.put, "/users/edit"),
        (.put, "/users/reidentify"), (.post, "/users/unsubscribe"), (.post, "/users/resubscribe"),
        (.post, "/users/delete"), (.delete, "/users/delete"), (.put, "/users/tags/edit"),
    ]

    func router() -> Router<MockContext> {
        let router = Router(context: MockContext.self)
        for (method, path) in Self.paths {
            for suffix in ["", ".json"] {
                router.on(RouterPath("/api/v2\(path)\(suffix)"), method: method) {
                    request, context in
                    try await self.answer(request, at: path, in: context)
                }
            }
        }
        router.get("/api/v2/heartbeat") { _, _ in Self.reply(.ok, "Success.") }
        return router
    }

    private func answer(
        _ request: Request, at path: String, in context: MockContext
    ) async throws -> Response {
        let body = Array(try await request.body.collect(upTo: 4 << 20).readableBytesView)
        let text = String(decoding: body, as: UTF8.self)
        if let fault = fault(for: request, text) {
            if let response = try await apply(fault, to: request, body: text, in: context) {
                return response
            }
        }
        let (status, message, repeated) = judge(body, at: path, of: request)
        write(request, text, status: status.code, repeated: repeated, fault: nil)
        return Self.reply(status, message)
    }

    // MARK: Faults

    private func fault(for request: Request, _ body: String) -> FaultRule.Fault? {
        state.withLock { state in
            for (index, rule) in state.rules.enumerated() {
                if let text = rule.text, !body.contains(text) { continue }
                let key = "\(index) \(request.uri.path) \(body)"
                let times = state.times[key, default: 0]
                if let limit = rule.times, times >= limit { continue }
                state.times[key] = times + 1
                return rule.fault
            }
            return nil
        }
    }

    /// Goes wrong as a rule says.
    ///
    /// - Returns: nil when the request is answered as usual after all, only later.
    private func apply(
        _ fault: FaultRule.Fault, to request: Request, body: String, in context: MockContext
    ) async throws -> Response? {
        switch fault {
        case .slow(let pause):
            try await Task.sleep(for: pause)
            return nil
        case .status(let code, let retryAfter):
            write(request, body, status: code, repeated: false, fault: "status")
            var response = Self.reply(.init(code: code), "The stand-in was told to answer \(code).")
            response.headers[.retryAfter] = retryAfter.map { String($0) }
            return response
        case .reset:
            write(request, body, status: nil, repeated: false, fault: "reset")
            // A connection that is closed without lingering is reset.
            let options = context.channel as? any SocketOptionProvider
            try? await options?.setSoLinger(linger(l_onoff: 1, l_linger: 0)).get()
            try? await context.channel.close()
            return Self.reply(.ok, "")
        case .noReply:
            write(request, body, status: nil, repeated: false, fault: "no-reply")
            // Longer than anyone waits for an answer; shorter when the stand-in is stopped.
            try? await cancelWhenGracefulShutdown { try await Task.sleep(for: .seconds(60)) }
            try? await context.channel.close()
            return Self.reply(.ok, "")
        }
    }

    // MARK: Vero's own checks

    private func judge(
        _ body: [UInt8], at path: String, of request: Request
    ) -> (HTTPResponse.Status, String, repeated: Bool) {
        guard let root = (try? JSONReader.read(body))?.root, root.kind == .object else {
            return (.badRequest, "The body is not a JSON object.", false)
        }
        if let fault = complaint(about: root, path) { return (.badRequest, fault, false) }
        let token =
            root["auth_token"]?.string ?? root["tracking_api_key"]?.string
            ?? request.uri.queryParameters["auth_token"].map { String($0) }
            ?? request.uri.queryParameters["tracking_api_key"].map { String($0) }
        guard let token, !token.isEmpty else {
            return (
                .unauthorized,
                "Invalid authentication: You must provide a valid auth_token to access this resource.",
                false
            )
        }
        let repeated = path == "/events/track" && isRepeat(root, token)
        return (.ok, "Success.", repeated)
    }

    private func complaint(about root: JSONValue, _ path: String) -> String? {
        let person = path == "/events/track" ? root["identity"] : root
        let id = person?["id"]?.identifier
        let email = person?["email"]?.string
        if id == nil, email ?? "" == "" { return "An id or an email is needed." }
        if path == "/events/track" {
            guard let name = root["event_name"]?.string, !name.isEmpty else {
                return "event_name is needed."
            }
            if name.count >= Self.lengthLimit { return "event_name is too long." }
        }
        if path == "/users/reidentify", root["new_id"]?.identifier == nil {
            return "new_id is needed."
        }
        if let id, id.count >= Self.lengthLimit { return "id is too long." }
        if let email, !email.isEmpty, EmailCheck(email) != .usable(email) {
            return "email is invalid."
        }
        return nil
    }

    /// Vero: same token, event name, identifier and data within five minutes.
    private func isRepeat(_ root: JSONValue, _ token: String) -> Bool {
        let identity = root["identity"]
        let person = identity?["id"]?.identifier ?? identity?["email"]?.string ?? ""
        let data = root["data"].map { String(decoding: $0.raw, as: UTF8.self) } ?? ""
        let key = [token, folded(root["event_name"]?.string ?? ""), person, data]
            .joined(separator: "\u{1F}")
        let now = clock.now()
        return state.withLock { state in
            if let before = state.seen[key], now.since(before) < Self.dedupeWindow { return true }
            state.seen[key] = now
            return false
        }
    }

    private func write(
        _ request: Request, _ body: String, status: Int?, repeated: Bool, fault: String?
    ) {
        let parsed = try? JSONReader.read(text: body).root
        let line = JSONWriter.make { writer in
            writer.beginObject()
            writer.member("at", clock.now().iso8601)
            writer.member("method", request.method.rawValue)
            writer.member("path", request.uri.path)
            writer.member("status", status)
            writer.member("repeat", repeated)
            writer.member("fault", fault)
            writer.key("body")
            if let parsed { writer.value(parsed) } else { writer.string(body) }
            writer.endObject()
        }
        let text = String(decoding: line, as: UTF8.self)
        state.withLock { state in
            state.ledger.append(text)
            state.file?.write(text)
        }
    }

    private static func reply(_ status: HTTPResponse.Status, _ message: String) -> Response {
        json(status) { writer in
            writer.member("status", status.code)
            writer.member("message", message)
        }
    }
}

/// A request context that keeps the channel, so that a connection can be cut on purpose.
struct MockContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    let channel: any Channel

    init(source: ApplicationRequestContextSource) {
        coreContext = .init(source: source)
        channel = source.channel
    }
}

/// A file that lines are appended to, under the stand-in's lock.
final class LedgerFile {
    private let file: UnsafeMutablePointer<FILE>

    init(appendingTo path: String) throws {
        guard let file = fopen(path, "a") else {
            throw Problem(
                code: "ledger", message: "The ledger \(path) cannot be written.",
                hint: "Name another file with --ledger.")
        }
        self.file = file
    }

    deinit { fclose(file) }

    func write(_ line: String) {
        fputs(line + "\n", file)
        fflush(file)
    }
}
