import Primitives

@testable import RawSockets

/// ARP and neighbour advertisements. What libFuzzer calls; `scripts/fuzz` builds it.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ data: UnsafePointer<UInt8>, _ size: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: data, count: size))

    guard let choice = bytes.first else { return 0 }
    let packet = bytes.dropFirst()
    if choice & 1 == 0 {
        if let sighting = Sighting(arp: packet, on: 1) {
            precondition(sighting.hardware.count == 6)
        }
    } else if let sighting = Sighting(icmpv6: packet, on: 1) {
        precondition(sighting.hardware.count == 6 || sighting.hardware.isEmpty)
    }
    return 0
}
