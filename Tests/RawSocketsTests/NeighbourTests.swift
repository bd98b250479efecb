import CLinux
import Glibc
import LinuxIO
import Primitives
import Testing

@testable import RawSockets

@Suite("Neighbours on a cable", .timeLimit(.minutes(1)))
struct NeighbourTests {
    private let hardware: [UInt8] = [2, 0, 0, 0, 0, 9]

    private static let virtual: [IPAddress] = [
        IPAddress(192, 168, 0, 100),
        .v6(IPv6Address(high: 0xFD00_0000_0000_0000, low: 0x100)),
    ]

    private func next(_ listener: inout NeighbourListener, _ limit: Int32) throws -> Sighting? {
        guard tandem_wait_readable(listener.descriptor.rawValue, limit) > 0 else { return nil }
        return try listener.receive()
    }

    @Test(arguments: virtual)
    func `who announces a watched address is heard, and who announces another wakes nobody`(
        _ address: IPAddress
    ) throws {
        let hardware = hardware
        try PrivateNetwork.run {
            try Bench.makeAddressedCable()
            let announcer = try AnnouncementSocket()
            let interface = try Bench.index("eth0")
            var listener = try NeighbourListener(family: address.family)
            try announcer.announce(address, from: hardware, on: interface)
            #expect(try self.next(&listener, 50) == nil)
            try listener.watch(Set(Self.virtual))
            let begin = Clock.now
            #expect(try announcer.announce(address, from: hardware, on: interface))
            let spent = Clock.now - begin
            let heard = try self.next(&listener, 1000)
            print("announced in \(spent)")
            #expect(
                heard
                    == Sighting(
                        address: address,
                        hardware: hardware,
                        interface: try Bench.index("peer0")
                    )
            )
            let foreign =
                address.family == .v4 ? IPAddress(192, 168, 0, 101) : Bench.link(0x100)
            try announcer.announce(foreign, from: hardware, on: interface)
            #expect(tandem_wait_readable(listener.descriptor.rawValue, 50) == 0)
            try listener.watch([])
            try announcer.announce(address, from: hardware, on: interface)
            #expect(tandem_wait_readable(listener.descriptor.rawValue, 50) == 0)
        }
    }

    @Test(arguments: [AddressFamily.v4, .v6])
    func `a gateway that is asked answers, and one that is not there does not`(
        _ family: AddressFamily
    ) throws {
        try PrivateNetwork.run {
            let hosts = try TwoHosts.make()
            let (near, far) = TwoHosts.addresses(family)
            let announcer = try AnnouncementSocket()
            let interface = try Bench.index("eth0")
            let own = try Bench.hardware("eth0")
            var listener = try NeighbourListener(family: family)
            try listener.watch([far])
            #expect(try announcer.ask(for: far, from: near, hardware: own, on: interface))
            let answer = try #require(try self.next(&listener, 1000))
            #expect(answer.address == far)
            #expect(answer.hardware == (try hosts.onFar { try Bench.hardware("peer0") }))
            #expect(answer.interface == interface)
            let nobody = family == .v4 ? IPAddress(192, 0, 2, 77) : Bench.link(0x77)
            try listener.watch([nobody])
            #expect(try announcer.ask(for: nobody, from: near, hardware: own, on: interface))
            #expect(try self.next(&listener, 100) == nil)
        }
    }

    @Test(arguments: virtual)
    func `an announcement moves the address in a neighbour's cache`(_ address: IPAddress) throws {
        let hardware = hardware
        try PrivateNetwork.run {
            let hosts = try TwoHosts.make()
            let announcer = try AnnouncementSocket()
            try hosts.onFar {
                // A neighbour that knows the address at its former place.
                try PrivateNetwork.ip(
                    "neighbour add \(address) lladdr 02:00:00:00:00:01 dev peer0 nud stale"
                )
            }
            for isRouter in [false, true] {
                #expect(
                    try announcer.announce(
                        address,
                        from: hardware,
                        on: Bench.index("eth0"),
                        isRouter: isRouter
                    )
                )
                PrivateNetwork.sleep(.milliseconds(50))
                try hosts.onFar {
                    let cache = try Bench.output("/usr/sbin/ip", "neighbour show \(address)")
                    #expect(cache.contains("02:00:00:00:00:09"), "\(cache)")
                    #expect(
                        cache.contains("router") == (isRouter && address.family == .v6),
                        "\(cache)"
                    )
                }
            }
        }
    }

    @Test(arguments: virtual)
    func `an announcement leaves from the virtual router's own interface too`(
        _ address: IPAddress
    ) throws {
        try PrivateNetwork.run {
            try Bench.makeAddressedCable()
            try PrivateNetwork.ip("link add vrrp.51 link eth0 type macvlan mode private")
            try PrivateNetwork.ip("link set vrrp.51 address 00:00:5e:00:01:33 up")
            var listener = try NeighbourListener(family: address.family)
            try listener.watch([address])
            try AnnouncementSocket().announce(
                address,
                from: [0, 0, 0x5E, 0, 1, 0x33],
                on: Bench.index("vrrp.51")
            )
            let heard = try #require(try self.next(&listener, 1000))
            #expect(heard.hardware == [0, 0, 0x5E, 0, 1, 0x33])
            #expect(heard.interface == (try Bench.index("peer0")))
        }
    }

    @Test func `an interface without an Ethernet address announces and asks nothing`() throws {
        try PrivateNetwork.run {
            let socket = try AnnouncementSocket()
            for address in Self.virtual {
                #expect(try !socket.announce(address, from: [], on: 1))
                #expect(try !socket.ask(for: address, from: address, hardware: [1], on: 1))
            }
        }
    }

    @Test func `more addresses than a filter has room for are still heard`() throws {
        let hardware = hardware
        try PrivateNetwork.run {
            try Bench.makeAddressedCable()
            for family in [AddressFamily.v4, .v6] {
                var listener = try NeighbourListener(family: family)
                for count in [255, 5000] {
                    let many = (0..<UInt32(count)).map { number in
                        family == .v4
                            ? IPAddress.v4(IPv4Address(rawValue: 0x0A00_0000 + number))
                            : .v6(IPv6Address(high: 0xFD00_0000_0000_0000, low: UInt64(number)))
                    }
                    try listener.watch(Set(many))
                    let last = try #require(many.last)
                    try AnnouncementSocket().announce(
                        last,
                        from: hardware,
                        on: Bench.index("eth0")
                    )
                    #expect(try self.next(&listener, 1000)?.address == last)
                }
            }
        }
    }

    @Test func `no bytes that a neighbour sends can do more harm than not being heard`() {
        var random = SeededGenerator(seed: 1)
        for _ in 0..<20_000 {
            var bytes = (0..<Int.random(in: 0...90, using: &random)).map { _ in
                UInt8.random(in: 0...3, using: &random)
            }
            if bytes.count > 2, Bool.random(using: &random) {
                bytes[0] = 136
                bytes[1] = 0
            }
            _ = Sighting(arp: bytes[...], on: 1)
            _ = Sighting(icmpv6: bytes[...], on: 1)
        }
    }
}
