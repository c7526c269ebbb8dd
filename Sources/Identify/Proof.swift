import Crypto
package import Events
import JSON

/// A backend's proof, inside a page's event, that a user id and an email belong together.
///
/// `context.proof` is the hex HMAC-SHA256, by one of the source's secrets, over the user id, a
/// newline and the email; without an email, over the user id and a newline. The page gets it from
/// its own backend, so that a public key can be believed about exactly this pair.
package enum Proof {
    /// True when the event carries a proof that fits its user id and email.
    package static func holds(
        for event: Event, _ email: StatedEmail, secrets: [String]
    ) -> Bool {
        guard !secrets.isEmpty, let user = event.userID,
            let given = event.context?["proof"]?.string, given.utf8.count == 64,
            let code = bytes(ofHexadecimal: given)
        else { return false }
        guard let address = email.proven else { return false }
        let message = Array("\(user)\n\(address)".utf8)
        return secrets.contains { secret in
            HMAC<SHA256>.isValidAuthenticationCode(
                code, authenticating: message, using: SymmetricKey(data: Array(secret.utf8)))
        }
    }
}

extension StatedEmail {
    /// True for an address.
    package var isUsable: Bool { if case .usable = self { true } else { false } }

    /// The address that a proof is made over; empty without one, nil for one that cannot be used.
    fileprivate var proven: String? {
        switch self {
        case .none, .empty: ""
        case .usable(let address): address
        case .hashed, .invalid: nil
        }
    }
}
