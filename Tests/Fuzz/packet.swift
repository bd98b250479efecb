import Primitives
import VRRP

/// What libFuzzer calls; `scripts/fuzz` builds it. The first byte says over which family and with which checksum.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ data: UnsafePointer<UInt8>, _ size: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: data, count: size))

    guard let choice = bytes.first else { return 0 }
    let isV6 = choice & 1 != 0
    let endpoints =
        isV6
        ? Endpoints(
            source: .v6(IPv6Address(high: 0xFE80_0000_0000_0000, low: 1)),
            destination: .vrrpGroup(of: .v6)
        )
        : Endpoints(source: IPAddress(192, 0, 2, 1), destination: .vrrpGroup(of: .v4))
    var message = Array(bytes.dropFirst())
    if choice & 4 == 0 {
        fitAdvertisement(
            &message,
            addresses: endpoints.source.octets + endpoints.destination.octets,
            withPseudoHeader: choice & 2 == 0
        )
    }
    guard
        case .success(let packet) = ReceivedPacket.decode(
            payload: message,
            between: endpoints,
            timeToLive: 255
        )
    else { return 0 }
    // No interval is rounded up into the least that there is.
    guard packet.advertisement.interval > .zero else { return 0 }
    let encoded = packet.advertisement.encode(
        between: endpoints,
        omitsPseudoHeader: packet.omitsPseudoHeader
    )
    let again = try? Advertisement.decode(encoded, between: endpoints)
    precondition(again?.advertisement == packet.advertisement, "decode and encode differ")
    precondition(
        again?.advertisement.encode(
            between: endpoints,
            omitsPseudoHeader: again?.omitsPseudoHeader ?? false
        ) == encoded,
        "encode and encode differ"
    )
    return 0
}
