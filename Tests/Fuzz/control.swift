import Messages
import Primitives

/// What `tandemctl` and the supervisor say to each other. What libFuzzer calls; `scripts/fuzz` builds it.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ data: UnsafePointer<UInt8>, _ size: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: data, count: size))

    _ = try? Frame<ControlRequest>.decode(bytes[...])
    _ = try? Frame<ControlReply>.decode(bytes[...])
    readAlike(ControlRequest.self, bytes)
    readAlike(ControlReply.self, bytes)
    return 0
}
