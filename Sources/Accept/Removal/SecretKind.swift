import JSON

/// The text that stands in the place of a secret.
let secretMask = "***"

/// The kinds of secret that are known by their keys, and how a value must look to be one.
enum SecretKind: Sendable, CaseIterable {
    /// Any text, or a number of four digits or more.
    case password
    /// 13 to 19 digits with a right check digit; blanks and dashes may stand between them.
    case card
    /// The three or four digits on a card's back.
    case cardCode
    /// A text of 16 or more characters that tokens are made of, or one after a scheme such as
    /// `Bearer`.
    case token

    /// The keys, in one spelling each.
    var names: [String] {
        switch self {
        case .password:
            [
                "password", "passwd", "pwd", "passphrase", "user password", "login password",
                "account password", "new password", "old password", "current password",
                "previous password", "confirm password", "confirmed password", "password confirm",
                "password confirmation", "repeat password", "password repeat", "secret",
                "client secret", "api secret", "app secret", "secret key", "secret access key",
                "private key", "write key",
            ]
        case .card:
            [
                "card", "card number", "card no", "card num", "cc", "cc number", "cc no", "cc num",
                "credit card", "credit card number", "credit card no", "debit card",
                "debit card number", "payment card", "payment card number", "pan",
                "primary account number",
            ]
        case .cardCode:
            [
                "cvv", "cvv2", "cvc", "cvc2", "csc", "card cvv", "card cvc", "cc cvv", "cc cvc",
                "card code", "card security code", "card verification code", "security code",
            ]
        case .token:
            [
                "token", "access token", "refresh token", "id token", "auth token",
                "authentication token", "oauth token", "bearer token", "bearer", "jwt",
                "session token", "login token", "api token", "api key", "x api key", "auth key",
                "access key", "csrf token", "xsrf token", "x csrf token", "x xsrf token",
                "reset token", "password reset token", "reset password token",
                "verification token", "confirmation token", "authorization",
                "proxy authorization", "x auth token", "x access token",
            ]
        }
    }

    /// Names of parameters in addresses that are secret beside those of the keys.
    static let sessions = ["session", "jsessionid", "phpsessid"]

    /// Every name with its kind.
    static let named = allCases.flatMap { kind in kind.names.map { (name: $0, kind: kind) } }

    /// True when a value looks like a secret of this kind; one that was masked does not.
    func fits(_ value: JSONValue) -> Bool {
        guard let text = value.string ?? value.numberText else { return false }
        if value.kind == .number, self == .token { return false }
        let bytes = Array(text.utf8)
        if value.kind == .number, self == .password { return isDigits(bytes, 4...Int.max) }
        return fits(bytes)
    }

    /// True when a text looks like a secret of this kind.
    func fits(_ text: [UInt8]) -> Bool {
        if text.allSatisfy({ $0 == UInt8(ascii: "*") }) { return false }
        switch self {
        case .password: return true
        case .card: return isCardNumber(text)
        case .cardCode: return isDigits(text, 3...4)
        case .token: return isToken(text)
        }
    }

    private func isDigits(_ bytes: [UInt8], _ count: ClosedRange<Int>) -> Bool {
        count.contains(bytes.count) && bytes.allSatisfy(\.isASCIIDigit)
    }

    /// Luhn's rule: from the right, every second digit counts twice, and the sum ends with a zero.
    private func isCardNumber(_ bytes: [UInt8]) -> Bool {
        let digits = bytes.filter { !" -+".utf8.contains($0) }
        guard isDigits(digits, 13...19) else { return false }
        let sum = digits.reversed().enumerated().reduce(0) { sum, item in
            let digit = Int(item.element - UInt8(ascii: "0"))
            let counted = item.offset.isMultiple(of: 2) ? digit : digit * 2
            return sum + (counted > 9 ? counted - 9 : counted)
        }
        return sum.isMultiple(of: 10)
    }

    private static let shortestToken = 16
    private static let schemes = ["basic", "bearer", "digest", "negotiate", "token"]

    private func isToken(_ bytes: [UInt8]) -> Bool {
        if bytes.count >= Self.shortestToken, bytes.allSatisfy(isTokenByte) { return true }
        let words = bytes.split(separator: UInt8(ascii: " "), maxSplits: 1)
        guard words.count == 2 else { return false }
        return Self.schemes.contains(String(decoding: words[0], as: UTF8.self).lowercased())
    }

    private func isTokenByte(_ byte: UInt8) -> Bool {
        byte.isASCIIDigit || byte.isASCIIUppercase || byte.isASCIILowercase
            || "-._~+/=:|".utf8.contains(byte)
    }
}
