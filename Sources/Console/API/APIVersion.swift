import Events

/// The version handshake between a command and a server.
///
/// A command names its version in a header, and a server of another version refuses the order
/// before it does anything. Every answer names the server's version in its body, so that a command
/// also recognises a server that does not know the header.
enum APIVersion {
    /// The header in which a command names its version.
    static let header = "Sluice-Version"
    /// The member of every answer that names the server's version.
    static let member = "version"

    /// The problem of a command and a server that do not fit together.
    ///
    /// - Parameter server: nil when the server did not say its version, as older ones do.
    static func mismatch(server: String?, command: String) -> Problem {
        let other = server.map { "is Sluice \($0)" } ?? "is another version of Sluice"
        return Problem(
            code: "other_version",
            message: "The server \(other), this command is Sluice \(command).",
            hint: "Use the program that the server runs, or start the server again with this one.")
    }
}
