package import Accept
package import Consent
package import Deliver
package import Events
package import JSON
package import Map
package import Pipeline
package import Request
package import Webhooks

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// A test that cannot go on, and why.
package struct TestFailure: Error, CustomStringConvertible {
    package let description: String
    package init(_ description: String) { self.description = description }
}

/// Files of the repository and small things every test needs.
package enum Fixtures {
    /// The repository's folder.
    package static let root: String = {
        let parts = #filePath.split(separator: "/").dropLast(3)
        return "/" + parts.joined(separator: "/")
    }()

    package static func bytes(_ path: String) throws -> [UInt8] {
        let full = path.hasPrefix("/") ? path : root + "/" + path
        guard let file = fopen(full, "r") else { throw TestFailure("no file \(full)") }
        defer { fclose(file) }
        var result: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = fread(&chunk, 1, chunk.count, file)
            // A child that ends elsewhere interrupts a read.
            if count == 0, ferror(file) != 0, errno == EINTR {
                clearerr(file)
                continue
            }
            if count == 0 { return result }
            result += chunk[..<count]
        }
    }

    package static func text(_ path: String) throws -> String {
        String(decoding: try bytes(path), as: UTF8.self)
    }

    /// An event of `Fixtures/events`, as it is posted.
    package static func event(_ name: String) throws -> [UInt8] {
        try bytes("Fixtures/events/\(name).json")
    }

    /// A request that says nothing, for what does not look at it.
    package static let request = MappedRequest(
        name: "track", method: "POST", url: MaskedText(), body: MaskedText())

    /// A job's content: that request, just built.
    package static func oneRequest() throws -> Job.Content {
        .built([request], by: try builder("r"))
    }

    package static func json(_ text: String) throws -> JSONValue {
        try JSONReader.read(text: text).root
    }

    /// Vero's blueprint, which is read once: reading it takes a while without optimisation.
    package static func vero() throws -> Blueprint { try readVero.get() }

    private static let readVero = Result {
        try Blueprint.read(file: "vero.json", bytes: try bytes("Blueprints/vero.json"))
    }

    /// An event as the server would accept it.
    package static func accepted(
        _ text: String, source: String = "backend", trusted: Bool = true,
        placeholders: PlaceholderIDs = .standard, at now: Timestamp = ManualClock().now
    ) throws -> Event {
        let acceptor = Acceptor()
        let envelope = try acceptor.single(
            try acceptor.read(Array(text.utf8)), type: nil,
            from: EventSource(name: source, trusted: trusted, placeholders: placeholders), at: now)
        if let rejection = envelope.rejections.first { throw rejection.problem }
        return envelope.events[0].event
    }

    /// A track event by one user; the consent is given.
    ///
    /// Every id is somebody's: tests number people from 0.
    package static func track(
        _ name: String = "Product Viewed", user: String, message: String? = nil,
        at now: Timestamp = ManualClock().now
    ) throws -> Event {
        let id = message.map { "\"messageId\":\"\($0)\"," } ?? ""
        return try accepted(
            """
            {"type":"track","event":"\(name)",\(id)"userId":"\(user)",
             "context":{"consent":{"canonical":{"marketing":true}}},"properties":{"price":1.10}}
            """, placeholders: PlaceholderIDs([]), at: now)
    }

    /// A destination with Vero's blueprint.
    package static func destination(
        _ name: String = "vero", consent: ConsentRule? = nil, isEnabled: Bool = true,
        limits: DeliveryLimits = DeliveryLimits(), blueprint: Blueprint? = nil,
        parameters: [String: String] = ["auth_token": "secret-token"],
        anonymous: AnonymousRule? = nil
    ) throws -> Destination {
        let blueprint = try blueprint ?? vero()
        guard let preset = blueprint.presets["default"] else { throw TestFailure("no preset") }
        return Destination(
            name: name, isEnabled: isEnabled, blueprint: blueprint, preset: preset,
            parameters: parameters, consent: consent, limits: limits, anonymous: anonymous)
    }
}

/// A folder that is removed with the value.
package final class TemporaryFolder: Sendable {
    package let path: String

    package init() throws {
        var template = Array("/tmp/sluice-test-XXXXXX".utf8CString)
        guard let made = mkdtemp(&template) else { throw TestFailure("no temporary folder") }
        path = String(cString: made)
    }

    deinit { remove(path) }

    package func write(_ text: String, to name: String) throws -> String {
        guard let file = fopen("\(path)/\(name)", "w") else { throw TestFailure("cannot write") }
        fputs(text, file)
        fclose(file)
        return "\(path)/\(name)"
    }

    /// Bytes of a file in it.
    package func size(of name: String) throws -> Int64 {
        var found = stat()
        guard stat("\(path)/\(name)", &found) == 0 else { throw TestFailure("no \(name)") }
        return Int64(found.st_size)
    }
}

/// Removes a file, a link, or a folder with what is in it; what a link points to stays.
private func remove(_ path: String) {
    if unlink(path) == 0 { return }
    guard let folder = opendir(path) else { return }
    while let entry = readdir(folder) {
        let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
            pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
        }
        if name != ".", name != ".." { remove("\(path)/\(name)") }
    }
    closedir(folder)
    rmdir(path)
}

/// Waits for something that has happened; looks often, gives up after a minute.
package func eventually<Value>(
    _ what: String, _ body: () async throws -> Value?
) async throws -> Value {
    for _ in 0..<12_000 {
        if let value = try await body() { return value }
        try await Task.sleep(for: .milliseconds(5))
    }
    throw TestFailure("it did not happen: \(what)")
}

extension Fixtures {
    /// A shipped source of webhooks.
    package static func webhookSource(
        _ name: String, verification: String? = nil, secrets: [String] = []
    ) throws -> WebhookSource {
        let file = "Blueprints/\(name)-webhooks.json"
        let verify = try verification.map { text in
            Verification(
                try ConfigurationFile(name: "verify.json", bytes: Array(text.utf8)).root)
        }
        return WebhookSource(
            name: name, tokens: ["0123456789abcdef0123456789abcdef"], secrets: secrets,
            verification: verify,
            blueprint: try SourceBlueprint.read(file: file, bytes: try bytes(file)))
    }
}

extension Fixtures {
    /// The builder of a stand-in destination, in one of its states.
    ///
    /// It builds a request for every user whose id is a number and fails for others. The request
    /// goes to the address that is the state's name. States of different names have different
    /// revisions.
    package static func builder(_ name: String) throws -> RequestBuilder {
        let blueprint = try Blueprint.read(
            file: "stand-in.json",
            bytes: Array(
                """
                {"blueprint": "stand-in", "version": 1,
                 "requests": {"track": {"url": "\(name)", "mappings": {
                     "data.n": {"source": "user_id", "transform": "number"}}}},
                 "presets": {"default": {"defaults": {"action": "pass", "request": "track"}}}}
                """.utf8))
        guard let preset = blueprint.presets["default"] else { throw TestFailure("no preset") }
        return RequestBuilder(
            destination: "vero", blueprint: blueprint, preset: preset, parameters: [:])
    }
}
