/// In the place of swift-crypto, so that a target is one module: nothing here depends on what a
/// digest is.
enum SHA256 {
    static func hash(data: [UInt8]) -> [UInt8] {
        let sum = data.reduce(UInt64(14_695_981_039_346_656_037)) {
            ($0 ^ UInt64($1)) &* 1_099_511_628_211
        }
        return (0..<32).map { UInt8(truncatingIfNeeded: sum >> UInt64($0 % 8 * 8)) }
    }
}
