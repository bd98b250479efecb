import CLinux
import Glibc
import LinuxIO
import Primitives
import Testing

@testable import Netlink

@Suite("Connections of an address", .timeLimit(.minutes(1)))
struct ConnectionTableTests {
    private static let virtual = IPv4Address(192, 168, 0, 100)
    private static let own = IPv4Address(192, 168, 0, 193)

    /// A connection to an address of this host: the end of the client and the end of the server.
    private struct Conversation: ~Copyable {
        let client: FileDescriptor
        let server: FileDescriptor

        init(_ listener: Int32, to address: IPv4Address) throws {
            let opened = try check(socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0), "socket")
            let client = FileDescriptor(owning: opened)
            // From another address, so that one end alone has it as its own.
            try check(tandem_ipv4_bind(opened, own.rawValue, 0), "bind")
            var name = endpoint(address)
            let result = withUnsafePointer(to: &name) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    connect(opened, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
            let accepted = try check(
                result < 0 ? result : accept(listener, nil, nil),
                "connect"
            )
            self.client = client
            server = FileDescriptor(owning: accepted)
        }

        /// What a read finds: 0 for nothing yet, else the error.
        static func error(of descriptor: borrowing FileDescriptor) -> Int32 {
            var byte: UInt8 = 0
            let count = recv(descriptor.rawValue, &byte, 1, Int32(MSG_DONTWAIT))
            return count < 0 && errno != EAGAIN ? errno : 0
        }
    }

    private static func endpoint(_ address: IPv4Address) -> sockaddr_in {
        sockaddr_in(
            sin_family: sa_family_t(AF_INET),
            sin_port: UInt16(7000).bigEndian,
            sin_addr: in_addr(s_addr: address.rawValue.bigEndian),
            sin_zero: (0, 0, 0, 0, 0, 0, 0, 0)
        )
    }

    /// A listener on all addresses; `family` v6 hears IPv4 as well.
    private static func listen(_ family: AddressFamily) throws -> FileDescriptor {
        let domain = family == .v4 ? AF_INET : AF_INET6
        let listener = FileDescriptor(
            owning: try check(socket(domain, Int32(SOCK_STREAM.rawValue), 0), "socket")
        )
        var any4 = endpoint(.any)
        var any6 = sockaddr_in6()
        any6.sin6_family = sa_family_t(AF_INET6)
        any6.sin6_port = UInt16(7000).bigEndian
        let result =
            family == .v4
            ? withUnsafePointer(to: &any4) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    bind(listener.rawValue, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
            : withUnsafePointer(to: &any6) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    bind(listener.rawValue, $0, socklen_t(MemoryLayout<sockaddr_in6>.size))
                }
            }
        try check(result, "bind")
        try check(Glibc.listen(listener.rawValue, 1024), "listen")
        return listener
    }

    @Test(arguments: [AddressFamily.v4, .v6])
    func `both ends learn of a reset at once, and other addresses' connections go on`(
        _ family: AddressFamily
    ) throws {
        try PrivateNetwork.run {
            try PrivateNetwork.ip("link set lo up")
            try PrivateNetwork.ip("address add \(Self.virtual)/32 dev lo")
            try PrivateNetwork.ip("address add \(Self.own)/24 dev lo")
            let listener = try Self.listen(family)
            let lost = try Conversation(listener.rawValue, to: Self.virtual)
            let kept = try Conversation(listener.rawValue, to: Self.own)
            var table = try ConnectionTable()
            try table.prepare()

            let count = try table.reset(on: [.v4(Self.virtual)], within: .seconds(1))
            #expect(count >= 1)
            #expect(Conversation.error(of: lost.client) != 0)
            #expect(Conversation.error(of: lost.server) == ECONNABORTED)
            #expect(Conversation.error(of: kept.client) == 0)
            #expect(Conversation.error(of: kept.server) == 0)

            // The listener is there for the next.
            let next = try Conversation(listener.rawValue, to: Self.virtual)
            #expect(Conversation.error(of: next.client) == 0)
        }
    }

    @Test func `two thousand connections take a few milliseconds`() throws {
        try PrivateNetwork.run {
            try PrivateNetwork.ip("link set lo up")
            try PrivateNetwork.ip("address add \(Self.virtual)/32 dev lo")
            try PrivateNetwork.ip("address add \(Self.own)/24 dev lo")
            // Two of each connection. The upper limit stays as it is, for whatever runs here afterwards.
            var limit = rlimit()
            getrlimit(__rlimit_resource_t(7), &limit)  // RLIMIT_NOFILE
            let before = limit
            limit.rlim_cur = max(limit.rlim_cur, min(limit.rlim_max, 8192))
            setrlimit(__rlimit_resource_t(7), &limit)
            defer {
                var former = before
                setrlimit(__rlimit_resource_t(7), &former)
            }
            let listener = try Self.listen(.v4)
            var conversations: [Int32] = []
            defer { for descriptor in conversations { close(descriptor) } }
            for _ in 0..<2000 {
                let conversation = try Conversation(listener.rawValue, to: Self.virtual)
                conversations += [
                    dup(conversation.client.rawValue), dup(conversation.server.rawValue),
                ]
            }
            var table = try ConnectionTable()
            try table.prepare()
            let begin = Clock.now
            let count = try table.reset(on: [.v4(Self.virtual)], within: .seconds(1))
            let spent = Clock.now - begin
            print("measured: \(count) connections reset in \(spent.milliseconds) ms")
            #expect(count >= 2000)
            #expect(try table.reset(on: [.v4(Self.virtual)], within: .seconds(1)) == 0)
        }
    }
}
