/// The function that libFuzzer calls with every input it makes up: the JSON reader must read it or refuse it, and
/// what it read must read the same again.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzJSONReader(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: start, count: count))
    let strict = try? JSONReader.read(bytes)
    guard let text = try? JSONReader.readRepairing(bytes) else {
        precondition(strict == nil, "what is read strictly is read with repairs too")
        return 0
    }
    if let strict, text.repairs.isEmpty {
        precondition(strict.root.equals(text.document.root), "both readers agree")
    }
    // An object with a key twice equals nothing, and what is too deep is not compared; both are refused where that matters.
    guard let again = try? JSONReader.readRepairing(text.document.bytes), again.repairs.isEmpty,
        !text.faults.isEmpty || again.document.root.equals(text.document.root)
    else { preconditionFailure("a repaired text reads the same again") }
    if text.faults.isEmpty {
        let pretty = text.document.root.pretty()
        guard let written = try? JSONReader.read(text: pretty),
            written.root.equals(text.document.root)
        else { preconditionFailure("a written text reads the same again") }
    }
    for key in ["a", "properties", ""] { _ = text.document.root[JSONKey(key)]?.string }
    _ = text.document.root.string.flatMap { Timestamp(reading: $0) }
    return 0
}
