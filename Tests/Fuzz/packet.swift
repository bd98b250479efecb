import Primitives
import VRRP

/// What libFuzzer calls; `scripts/fuzz` builds it.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ data: UnsafePointer<UInt8>, _ size: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: data, count: size))

    let isV6 = bytes.first.map { $0 >> 4 == 3 && $0 & 1 == 0 } ?? false
    let endpoints =
        isV6
        ? Endpoints(
            source: .v6(IPv6Address(high: 0xFE80_0000_0000_0000, low: 1)),
            destination: .v6(IPv6Address(high: 0xFF02_0000_0000_0000, low: 0x12))
        )
        : Endpoints(source: IPAddress(192, 0, 2, 1), destination: IPAddress(224, 0, 0, 18))
    var message = bytes
    // A checksum that fits, so that what is behind it is reached.
    if message.count >= 8, message[0] >> 4 == 2 {
        let length = min(message.count, 16 + 4 * Int(message[3])) & ~1
        message[6] = 0
        message[7] = 0
        var sum = UInt32(0)
        for index in stride(from: 0, to: length, by: 2) {
            sum += UInt32(message[index]) << 8 | UInt32(message[index + 1])
        }
        while sum > 0xFFFF { sum = (sum & 0xFFFF) + sum >> 16 }
        message[6] = UInt8(truncatingIfNeeded: ~sum >> 8)
        message[7] = UInt8(truncatingIfNeeded: ~sum)
    }
    guard let decoded = try? Advertisement.decode(message, between: endpoints) else { return 0 }
    let encoded = decoded.advertisement.encode(
        between: endpoints,
        omitsPseudoHeader: decoded.omitsPseudoHeader
    )
    let again = try? Advertisement.decode(encoded, between: endpoints)
    // No interval is rounded up into the least that there is.
    guard decoded.advertisement.interval > .zero else { return 0 }
    precondition(again?.advertisement == decoded.advertisement, "decode and encode differ")
    return 0
}
