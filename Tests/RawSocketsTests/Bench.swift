import CLinux
import Glibc
import LinuxIO
import Primitives

@testable import RawSockets

/// What the tests of this module share: both ends of a cable in one namespace.
enum Bench {
    static let near = IPAddress(192, 168, 0, 193)
    static let far = IPAddress(192, 168, 0, 192)

    /// `eth0` and `peer0` with addresses of both families, ready at once.
    static func makeAddressedCable() throws {
        try PrivateNetwork.ip("link add eth0 type veth peer name peer0")
        for name in ["eth0", "peer0"] {
            // Link-local addresses that no duplicate detection holds back.
            try write("0", to: "/proc/sys/net/ipv6/conf/\(name)/accept_dad")
            try write("1", to: "/proc/sys/net/ipv6/conf/\(name)/addr_gen_mode")
            try PrivateNetwork.ip("link set \(name) up")
            // Both ends are ours, so packets between them come from an address of this host.
            try write("1", to: "/proc/sys/net/ipv4/conf/\(name)/accept_local")
        }
        try PrivateNetwork.ip("address add 192.168.0.193/24 dev eth0")
        try PrivateNetwork.ip("address add 192.168.0.192/24 dev peer0")
        try PrivateNetwork.ip("address add fe80::193/64 dev eth0 nodad")
        try PrivateNetwork.ip("address add fe80::192/64 dev peer0 nodad")
        try PrivateNetwork.waitUntilUp("eth0", "peer0")
    }

    static func write(_ text: String, to path: String) throws {
        let file = FileDescriptor(owning: try check(open(path, O_WRONLY), "open", on: path))
        _ = try file.write(Array(text.utf8))
    }

    static func index(_ name: String) throws -> Int32 {
        try check(tandem_interface_index(name), "index of \(name)")
    }

    /// The hardware address of an interface of the caller's namespace.
    static func hardware(_ name: String) throws -> [UInt8] {
        let words = try output("/usr/sbin/ip", "-o link show \(name)").split(separator: " ")
        let position = try check(
            words.firstIndex(of: "link/ether").map { Int32($0) } ?? -ENODEV,
            "hardware address of \(name)"
        )
        return words[Int(position) + 1].split(separator: ":").compactMap { UInt8($0, radix: 16) }
    }

    /// What a program writes, run in the caller's namespace.
    static func output(_ path: String, _ words: String) throws -> String {
        var buffer = [UInt8](repeating: 0, count: 4096)
        let pipe = try Pipe()
        try PrivateNetwork.tool(path, words, output: pipe.write.rawValue)
        let size = try pipe.read.read(into: &buffer) ?? 0
        return String(decoding: buffer[0..<size], as: UTF8.self)
    }

    static func socket(
        _ name: String,
        _ family: AddressFamily = .v4,
        groups: Set<IPAddress> = [vrrpGroup4, vrrpGroup6]
    ) throws -> VRRPSocket {
        var socket = try VRRPSocket(family: family, interface: (index(name), name))
        try socket.listen(to: groups)
        return socket
    }

    static let vrrpGroup4 = IPAddress.v4(.vrrpGroup)
    static let vrrpGroup6 = IPAddress.v6(
        IPv6Address(high: 0xFF02_0000_0000_0000, low: 0x12)
    )

    static func link(_ last: UInt64) -> IPAddress {
        .v6(IPv6Address(high: 0xFE80_0000_0000_0000, low: last))
    }
}

extension VRRPSocket {
    /// The next packet.
    mutating func next(within milliseconds: Int32) throws -> RawPacket? {
        guard tandem_wait_readable(descriptor.rawValue, milliseconds) > 0 else { return nil }
        return try receive()
    }
}
