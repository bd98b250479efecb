import Primitives
import Rules

/// What libFuzzer calls; `scripts/fuzz` builds it.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ data: UnsafePointer<UInt8>, _ size: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: data, count: size))

    _ = ClientHello.messageType(bytes.span)
    if case .value(let name) = ClientHello.serverName(bytes.span) {
        precondition(name.lowerBound >= 0 && name.upperBound <= bytes.count)
    }
    return 0
}
