import Events
import Request
import Testing

@Suite struct `Retry-After` {
    /// 1994-11-06T08:49:00Z.
    private let now = Timestamp(milliseconds: 784_111_740_000)

    @Test(
        arguments: [
            ("37", 37_000), ("0", 0), ("1.5", 1_500), ("120.25", 120_250),
            ("Sun, 06 Nov 1994 08:49:37 GMT", 37_000), ("Sunday, 06-Nov-94 08:49:37 GMT", 37_000),
            ("Sun Nov  6 08:49:37 1994", 37_000), ("Wed Nov 16 08:49:00 1994", 864_000_000),
            ("1994-11-06T08:49:37Z", 37_000), ("1994-11-06T09:49:37+01:00", 37_000),
            ("1994-11-06 08:49:37", 37_000), ("784111777", 784_111_777_000),
            ("1795856400", 1_011_744_660_000), ("Sun, 06 Nov 1994 08:48:00 GMT", 0),
            ("99999999999999999999", nil), ("", nil), ("soon", nil), ("-5", 0), ("1.2.3", nil),
            ("inf", nil), ("0x10", nil), ("1e3", 0), ("Sun Nov 36 08:49:37 1994", nil),
        ] as [(String, Int64?)])
    func `is read in every spelling`(text: String, milliseconds: Int64?) {
        #expect(RetryAfter(text)?.pause(from: now).milliseconds == milliseconds, "\(text)")
    }
}
