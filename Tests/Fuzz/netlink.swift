import Netlink
import Primitives

/// What libFuzzer calls; `scripts/fuzz` builds it.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ data: UnsafePointer<UInt8>, _ size: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: data, count: size))

    guard let messages = try? NetlinkMessage.decode(bytes[...]) else { return 0 }
    for message in messages { _ = try? RouteEvent(message) }
    return 0
}
