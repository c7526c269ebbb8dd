package import Events

extension WebhookSource {
    /// The answer to a handshake, as plain text; nil when the request is none.
    ///
    /// - Throws: `verification_failed` for another token, `bad_handshake` for a text that is not
    ///   given back.
    package func answer(to request: Handshake.Request) throws(Problem) -> [UInt8]? {
        guard let handshake = blueprint.handshakes.first(where: { $0.fits(request) }) else {
            return nil
        }
        if let place = handshake.token, !isToken(request.text(at: place) ?? "") {
            throw Problem(
                code: "verification_failed",
                message: "The handshake does not carry the token of the address.",
                hint: "Enter the token of the address at the service as its verify token too.")
        }
        guard let echo = handshake.echo else { return [] }
        let text = Array((request.text(at: echo) ?? "").utf8)
        guard text.count <= Handshake.echoBytes, !text.contains(where: { $0 < 0x20 || $0 == 0x7F })
        else {
            throw Problem(
                code: "bad_handshake",
                message: "The text to give back is longer than \(Handshake.echoBytes) bytes, "
                    + "or has control characters.",
                hint: "See which place the blueprint's \"handshakes\" give back.")
        }
        return text
    }
}
