import CLinux
import Glibc
package import LinuxIO
package import Primitives

/// This host's TCP connections, found and reset by their own address (sock_diag(7), `SOCK_DESTROY`).
///
/// Whoever holds the connection reads `ECONNABORTED`, and the other end gets a reset, as long as the address is
/// still here to send it from.
package struct ConnectionTable<Socket: RouteSocket & ~Copyable>: ~Copyable {
    /// Rows kept at a time, 48 bytes each.
    private static var mostAtOnce: Int { 1 << 17 }
    private static var batch: Int { 64 }

    private var socket: Socket
    private var sequence: UInt32 = 0

    /// The socket must be one of `NETLINK_SOCK_DIAG`.
    package init(socket: consuming Socket) {
        self.socket = socket
    }

    /// Asks for no connection at all: a kernel that has to load a module for the answer does it now. Throws
    /// when this kernel has none.
    package mutating func prepare() throws(SystemCallError) {
        for family in [AddressFamily.v4, .v6] {
            let request = Connection.dumpRequest(family, states: 0, from: nil)
            try send(request.encode(sequence: sequence))
            while let found = try receive(until: Clock.now + .milliseconds(500)) {
                if found.isEnd { break }
            }
        }
    }

    /// Resets the connections that have one of these as their own address, and returns how many there were.
    /// Ends after `limit`, also when some are left. Listening sockets stay.
    package mutating func reset(
        on addresses: [IPAddress],
        within limit: Duration
    ) throws(SystemCallError) -> Int {
        let end = Clock.now + limit
        // A listing that was given up for its time is still there, and lets no other begin.
        while Clock.now < end, try receive(until: .zero) != nil {}
        var count = 0
        for address in addresses {
            // A socket of IPv6 may carry IPv4 (ipv6(7), IPV6_V6ONLY).
            for family in address.family == .v4 ? [AddressFamily.v4, .v6] : [.v6] {
                // A table that shrinks while it is listed leaves some out, and new ones may have come.
                while Clock.now < end {
                    let found = try pass(family, address, until: end)
                    count += found
                    if found == 0 { break }
                }
            }
        }
        return count
    }

    /// Lists, and then resets what was listed: the answers to both would not fit into the socket together.
    private mutating func pass(
        _ family: AddressFamily,
        _ address: IPAddress,
        until end: Instant
    ) throws(SystemCallError) -> Int {
        sequence &+= 1
        let request = Connection.dumpRequest(family, states: Connection.live, from: address)
        try send(request.encode(sequence: sequence))
        var connections: [Connection] = []
        while let found = try receive(until: end) {
            if connections.count < Self.mostAtOnce { connections += found.connections }
            if found.isEnd { break }
        }
        var done = 0
        while done < connections.count, Clock.now < end {
            let batch = connections[done..<min(done + Self.batch, connections.count)]
            done += batch.count
            try send(batch.flatMap { $0.resetRequest(family).encode(sequence: sequence) })
            // Only failures are answered.
            while try receive(until: .zero) != nil {}
        }
        return done
    }

    private mutating func send(_ bytes: [UInt8]) throws(SystemCallError) {
        do throws(SystemCallError) {
            try socket.send(bytes)
        } catch {
            throw SystemCallError("reset connections", errno: error.errno)
        }
    }

    /// What one datagram brought of the listing under way; nil when nothing more came in time.
    private mutating func receive(
        until end: Instant
    ) throws(SystemCallError) -> (connections: [Connection], isEnd: Bool)? {
        guard let datagram = try socket.receive(within: max(.zero, end - Clock.now)) else {
            return nil
        }
        var connections: [Connection] = []
        var isEnd = false
        var refusal: Int32 = 0
        do throws(DecodeError) {
            for message in try NetlinkMessage.decode(datagram) where message.sequence == sequence {
                switch Int32(message.type) {
                case NLMSG_DONE: isEnd = true
                case NLMSG_ERROR: refusal = max(refusal, try Self.errno(of: message))
                case NLMSG_NOOP: continue
                default: connections.append(try Connection(message))
                }
            }
        } catch {
            throw SystemCallError("list connections", errno: EBADMSG)
        }
        guard refusal == 0 else { throw SystemCallError("reset connections", errno: refusal) }
        return (connections, isEnd)
    }

    /// 0 also for a connection that ended by itself meanwhile.
    private static func errno(of message: NetlinkMessage) throws(DecodeError) -> Int32 {
        var reader = ByteReader(slice: message.body)
        let code: UInt32 = try reader.native()
        let errno = Int32(truncatingIfNeeded: 0 &- Int64(Int32(bitPattern: code)))
        return errno == ENOENT ? 0 : errno
    }
}

extension ConnectionTable where Socket == KernelRouteSocket {
    package init() throws(SystemCallError) {
        self.init(socket: try KernelRouteSocket(protocol: NETLINK_SOCK_DIAG))
    }
}

/// One row of the kernel's listing (linux/inet_diag.h).
private struct Connection {
    /// Every state that has another end and may have something to say to it: neither `LISTEN` and `CLOSE`, nor
    /// `TIME_WAIT`.
    static let live: UInt32 = [
        TCP_ESTABLISHED, TCP_SYN_RECV, TCP_FIN_WAIT1, TCP_FIN_WAIT2, TCP_CLOSE_WAIT, TCP_LAST_ACK,
        TCP_CLOSING,
    ].reduce(0) { $0 | 1 << UInt32($1) }

    private static let listByFamily = 20  // SOCK_DIAG_BY_FAMILY
    private static let destroy = 21  // SOCK_DESTROY
    private static let filter = 1  // INET_DIAG_REQ_BYTECODE
    private static let sourceCondition: UInt8 = 7  // INET_DIAG_BC_S_COND

    /// `struct inet_diag_sockid`: ports, addresses, interface and a cookie that no other socket ever has.
    static let identitySize = 48
    let identity: ArraySlice<UInt8>

    init(_ message: NetlinkMessage) throws(DecodeError) {
        var reader = ByteReader(slice: message.body)
        try reader.skip(4)  // family, state, timer, retransmissions
        identity = try reader.take(Self.identitySize)
    }

    /// `struct inet_diag_req_v2`
    private static func request(
        _ type: Int,
        flags: Int32,
        _ family: AddressFamily,
        states: UInt32,
        identity: ArraySlice<UInt8>
    ) -> RouteRequest {
        var request = RouteRequest(type: type, flags: flags, subject: "connections")
        request.fixed { body in
            body.byte(UInt8(family == .v4 ? AF_INET : AF_INET6))
            body.byte(UInt8(IPPROTO_TCP))
            body.byte(0)
            body.byte(0)
            body.native(states)
            body.append(Array(identity))
        }
        return request
    }

    static func dumpRequest(
        _ family: AddressFamily,
        states: UInt32,
        from address: IPAddress?
    ) -> RouteRequest {
        var request = request(
            listByFamily,
            flags: NLM_F_DUMP,
            family,
            states: states,
            identity: [UInt8](repeating: 0, count: identitySize)[...]
        )
        guard let address else { return request }
        let octets = address.octets
        // One instruction: if the own address is this, go on behind it, which is to accept; else to 4 bytes
        // further than the end, which is to refuse.
        var program = ByteWriter(reserving: 28)
        let size = 12 + octets.count
        program.byte(sourceCondition)
        program.byte(UInt8(size))
        program.native(UInt16(size + 4))
        program.byte(UInt8(address.family == .v4 ? AF_INET : AF_INET6))
        program.byte(UInt8(octets.count * 8))
        program.byte(0)
        program.byte(0)
        program.native(UInt32.max)  // any port
        program.append(octets)
        request.attribute(filter, program.bytes)
        return request
    }

    func resetRequest(_ family: AddressFamily) -> RouteRequest {
        Self.request(Self.destroy, flags: 0, family, states: .max, identity: identity)
    }
}
