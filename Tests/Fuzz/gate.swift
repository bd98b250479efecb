import Primitives
import VRRP

/// One router of each kind, all with the same VRID.
private let routers: [RouterSettings] = {
    var version2 = RouterSettings(
        name: "VI_1",
        interface: "eth0",
        virtualRouterID: 51,
        basePriority: 100,
        addresses: [VirtualAddress(prefix: Prefix(host: IPAddress(192, 168, 0, 100)))]
    )
    var password = version2
    password.virtualRouterID = 52
    password.authentication = .password(Array("secret\0\0".utf8))
    var version3 = version2
    version3.virtualRouterID = 53
    version3.version = .v3
    var unicast = version3
    unicast.virtualRouterID = 54
    unicast.transport = .unicast(
        peers: [UnicastPeer(address: IPAddress(192, 168, 0, 193))],
        timeToLive: 255,
        checksSource: true
    )
    var version6 = version3
    version6.virtualRouterID = 51
    version6.family = .v6
    version6.addresses = [
        VirtualAddress(
            prefix: Prefix(host: .v6(IPv6Address(high: 0xFE80_0000_0000_0000, low: 0x64)))
        )
    ]
    return [version2, password, version3, unicast, version6]
}()

/// What libFuzzer calls; `scripts/fuzz` builds it. The first byte says over which family and with which checksum; the
/// rest is an IPv4 packet with its header, or IPv6's payload.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ data: UnsafePointer<UInt8>, _ size: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: data, count: size))

    guard let choice = bytes.first else { return 0 }
    var packet = Array(bytes.dropFirst())
    var gate = PacketGate(routers: routers)
    if choice & 1 != 0 {
        let endpoints = Endpoints(
            source: .v6(IPv6Address(high: 0xFE80_0000_0000_0000, low: 1)),
            destination: .vrrpGroup(of: .v6)
        )
        if choice & 4 == 0 {
            fitAdvertisement(
                &packet,
                addresses: endpoints.source.octets + endpoints.destination.octets,
                withPseudoHeader: choice & 2 == 0
            )
        }
        _ = gate.admit(payload: packet, between: endpoints, timeToLive: choice & 8 == 0 ? 255 : 1)
    } else {
        let header = packet.first.map { Int($0 & 15) * 4 } ?? 0
        if choice & 4 == 0, packet.count >= 20, packet.count >= header {
            var payload = Array(packet[header...])
            fitAdvertisement(
                &payload,
                addresses: Array(packet[12..<20]),
                withPseudoHeader: choice & 2 == 0
            )
            packet = Array(packet[..<header]) + payload
        }
        _ = gate.admit(packet)
    }
    _ = gate.takeNotes()
    return 0
}
