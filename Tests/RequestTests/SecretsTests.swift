import Events
import Request
import SluiceTesting
import Testing

@Suite struct `The secrets of a destination` {
    @Test func `print as stars, alone and inside of others`() {
        let secrets = Secrets(["token": "s3cret-value"])
        var dumped = ""
        dump(["it": secrets], to: &dumped)
        for text in ["\(secrets)", String(reflecting: secrets), dumped] {
            #expect(!text.contains("s3cret"), "\(text)")
        }
    }

    @Test func `are given as they are and as they stand in JSON`() {
        let secrets = Secrets(["token": "a\"b\\c"])
        #expect(String(decoding: secrets.plain("token"), as: UTF8.self) == "a\"b\\c")
        #expect(String(decoding: secrets.json("token"), as: UTF8.self) == "a\\\"b\\\\c")
        #expect(secrets.plain("other").isEmpty && secrets.json("other").isEmpty)
    }

    @Test(arguments: [
        ("bad s3cret-value", "bad ***"), ("{\"t\":\"s3cret-value\"}", "{\"t\":\"***\"}"),
        ("user k-user, secret k-pass", "user ***, secret ***"),
        ("https:\\/\\/hooks.example\\/T0001\\/abcdefgh", "***"),
        ("no hook abcdefghij here", "no hook *** here"), ("a%2Fb%3Dc", "***"),
        ("abc stays", "abc stays"), ("hooks.example is down", "hooks.example is down"),
    ])
    func `are masked in every form in which an answer may echo them`(
        text: String, masked: String
    ) {
        let secrets = Secrets([
            "token": "s3cret-value", "basic": "k-user k-pass", "short": "abc",
            "hook": "https://hooks.example/T0001/abcdefgh", "long": "https://h/abcdefghij",
            "form": "a/b=c",
        ])
        #expect(secrets.mask(text) == masked)
    }
}
