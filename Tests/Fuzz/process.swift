import Primitives

@testable import Tracking

/// The kernel's process events. What libFuzzer calls; `scripts/fuzz` builds it.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ data: UnsafePointer<UInt8>, _ size: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: data, count: size))

    _ = try? ProcessEvents.event(in: bytes[...])
    return 0
}
