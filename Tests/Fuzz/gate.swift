import Primitives
import VRRP

private let router = RouterSettings(
    name: "VI_1",
    interface: "eth0",
    virtualRouterID: 51,
    basePriority: 100,
    addresses: [VirtualAddress(prefix: Prefix(host: IPAddress(192, 168, 0, 100)))]
)
/// What libFuzzer calls; `scripts/fuzz` builds it.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ data: UnsafePointer<UInt8>, _ size: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: data, count: size))

    var gate = PacketGate(routers: [router])
    _ = gate.admit(bytes)
    _ = gate.takeNotes()
    return 0
}
