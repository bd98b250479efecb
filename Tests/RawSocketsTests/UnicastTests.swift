import CLinux
import Glibc
import LinuxIO
import Primitives
import Testing

@testable import RawSockets

@Suite("Advertisements to peers", .timeLimit(.minutes(1)))
struct UnicastTests {
    @Test(arguments: [AddressFamily.v4, .v6], [UInt8(255), 7])
    func `a peer hears its copy with the source and the time to live that were asked for`(
        _ family: AddressFamily,
        _ timeToLive: UInt8
    ) throws {
        try PrivateNetwork.run {
            let hosts = try TwoHosts.make()
            let (near, far) = TwoHosts.addresses(family)
            let sender = try VRRPSocket(family: family, interface: nil)
            try hosts.onFar {
                var receiver = try VRRPSocket(family: family, interface: nil)
                try sender.send([0x31, 51], to: far, from: near, timeToLive: timeToLive)
                let packet = try #require(try receiver.next(within: 1000))
                #expect(packet.source == near)
                #expect(packet.destination == far)
                #expect(packet.hopLimit == timeToLive)
                #expect(packet.interface == (try Bench.index("peer0")))
            }
        }
    }

    @Test(arguments: [AddressFamily.v4, .v6])
    func `a socket without groups does not hear the group's advertisements`(
        _ family: AddressFamily
    ) throws {
        try PrivateNetwork.run {
            try Bench.makeAddressedCable()
            var receiver = try VRRPSocket(family: family, interface: nil)
            var member = try Bench.socket("peer0", family)
            let sender = try Bench.socket("eth0", family)
            let group = family == .v4 ? Bench.vrrpGroup4 : Bench.vrrpGroup6
            try sender.send([1], to: group, from: nil)
            #expect(try member.next(within: 1000) != nil)
            #expect(try receiver.next(within: 50) == nil)
        }
    }

    @Test(arguments: [AddressFamily.v4, .v6])
    func `a firewall that forbids protocol 112 is told as EPERM`(_ family: AddressFamily) throws {
        try PrivateNetwork.run {
            try Bench.makeAddressedCable()
            let sender = try Bench.socket("eth0", family)
            let group = family == .v4 ? Bench.vrrpGroup4 : Bench.vrrpGroup6
            try sender.send([1], to: group, from: nil)
            try PrivateNetwork.tool("/usr/sbin/nft", "add table inet block")
            try PrivateNetwork.tool(
                "/usr/sbin/nft",
                "add chain inet block out { type filter hook output priority 0 ; }"
            )
            try PrivateNetwork.tool(
                "/usr/sbin/nft",
                "add rule inet block out meta l4proto 112 drop"
            )
            let refusal = #expect(throws: SystemCallError.self) {
                try sender.send([1], to: group, from: nil)
            }
            #expect(refusal?.errno == EPERM)
        }
    }

    @Test(arguments: [AddressFamily.v4, .v6])
    func `a queue without room is told as ENOBUFS`(_ family: AddressFamily) throws {
        try PrivateNetwork.run {
            try Bench.makeAddressedCable()
            let sender = try Bench.socket("eth0", family)
            let group = family == .v4 ? Bench.vrrpGroup4 : Bench.vrrpGroup6
            try sender.send([1], to: group, from: nil)
            try PrivateNetwork.tool("/usr/sbin/tc", "qdisc add dev eth0 root bfifo limit 1")
            let refusal = #expect(throws: SystemCallError.self) {
                try sender.send([1], to: group, from: nil)
            }
            #expect(refusal?.errno == ENOBUFS)
        }
    }

    @Test(arguments: [AddressFamily.v4, .v6])
    func `a peer that answers by ICMP neither stops the sending nor wakes the loop for ever`(
        _ family: AddressFamily
    ) throws {
        try PrivateNetwork.run {
            let hosts = try TwoHosts.make()
            let (near, far) = TwoHosts.addresses(family)
            // Nobody over there listens to protocol 112.
            var sender = try VRRPSocket(family: family, interface: nil)
            for _ in 0..<20 {
                try sender.send([UInt8](repeating: 0x31, count: 16), to: far, from: near)
                PrivateNetwork.sleep(.milliseconds(2))
            }
            let socket = sender.descriptor.rawValue
            #expect(tandem_wait_readable(socket, 100) == 1)
            #expect(try sender.receive() == nil)
            #expect(tandem_wait_readable(socket, 0) == 0)
            // The host is still there for packets.
            try hosts.onFar { _ = try Bench.index("peer0") }
        }
    }
}
