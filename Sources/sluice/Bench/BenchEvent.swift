/// The event that is sent: an order of some 430 bytes, written once and numbered in place.
struct BenchEvent {
    private(set) var bytes: [UInt8]
    private let places: [Int]

    /// Users the load belongs to, in turn.
    static let users = 100_000
    private static let digits = 12
    private static let mark = Array("\"coupon\":\"TRACK-".utf8)

    /// - Parameters:
    ///   - run: makes message ids differ from those of other runs.
    ///   - isTracked: the receiver notes when each arrives.
    init(run: UInt32, isTracked: Bool) {
        let hole = String(repeating: "#", count: Self.digits)
        let coupon = isTracked ? "TRACK-\(hole)" : "SPRING26"
        let text = """
            {"type":"track","event":"Order Completed","messageId":"bench-\(run)-\(hole)",\
            "userId":"user-\(hole)","timestamp":"2026-02-03T04:05:06.789Z","properties":{\
            "order_id":"o-\(hole)","revenue":129.95,"currency":"USD","product_id":"sku-4471",\
            "quantity":2,"coupon":"\(coupon)"},"context":{"ip":"203.0.113.7","locale":"en-US",\
            "consent":{"categoryPreferences":{"marketing":true}},"page":{"url":\
            "https://shop.example.com/checkout/thanks"},"library":{"name":"bench","version":"1.0"}}}
            """
        bytes = Array(text.utf8)
        var places: [Int] = []
        var at = 0
        while at < bytes.count {
            if bytes[at] == UInt8(ascii: "#") {
                places.append(at)
                at += Self.digits
            } else {
                at += 1
            }
        }
        self.places = places
    }

    /// Makes it the event of that number.
    mutating func number(_ number: Int) {
        for (index, place) in places.enumerated() {
            var rest = index == 1 ? number % Self.users : number
            for position in (place..<place + Self.digits).reversed() {
                bytes[position] = UInt8(ascii: "0") + UInt8(rest % 10)
                rest /= 10
            }
        }
    }

    /// The number of a tracked event in a request that was made of it.
    static func tracked(in body: ArraySlice<UInt8>) -> Int? {
        body.withUnsafeBufferPointer { bytes in
            guard bytes.count > mark.count + digits else { return nil }
            for start in 0..<bytes.count - mark.count - digits
            where bytes[start] == mark[0] && bytes[start + 2] == mark[2]
                && mark.indices.allSatisfy({ bytes[start + $0] == mark[$0] })
            {
                let text = bytes[(start + mark.count)...].prefix(digits)
                return Int(String(decoding: text, as: UTF8.self))
            }
            return nil
        }
    }
}
