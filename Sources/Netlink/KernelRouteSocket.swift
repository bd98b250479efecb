import CLinux
import Glibc
package import LinuxIO
import Primitives

/// A netlink socket for requests, to the routing tables or to another part of the kernel.
package struct KernelRouteSocket: RouteSocket, ~Copyable {
    /// What the events name that our own requests cause.
    package let port: UInt32
    private let descriptor: FileDescriptor
    private var buffer = [UInt8](repeating: 0, count: 65536)

    package init() throws(SystemCallError) {
        try self.init(protocol: NETLINK_ROUTE)
    }

    /// `NETLINK_…`
    init(protocol family: Int32) throws(SystemCallError) {
        var port: UInt32 = 0
        descriptor = FileDescriptor(
            owning: try check(unsafe tandem_netlink_open(family, 0, &port), "open netlink socket")
        )
        self.port = port
    }

    package mutating func send(_ message: [UInt8]) throws(SystemCallError) {
        let result = unsafe message.withUnsafeBytes { raw in
            unsafe tandem_netlink_send(descriptor.rawValue, raw.baseAddress, raw.count)
        }
        try check(result, "send to netlink")
    }

    package mutating func receive(
        within wait: Duration
    ) throws(SystemCallError) -> ArraySlice<UInt8>? {
        let end = Clock.now + wait
        while true {
            if let datagram = try NetlinkDatagram.receive(descriptor, into: &buffer) {
                return datagram
            }
            let left = (end - Clock.now).nanoseconds
            guard left > 0 else { return nil }
            let milliseconds = Int32(clamping: (left + 999_999) / 1_000_000)
            let ready = tandem_wait_readable(descriptor.rawValue, milliseconds)
            if ready != -EINTR { try check(ready, "wait for netlink") }
        }
    }
}

/// A `NETLINK_ROUTE` socket that hears of changes to interfaces and to addresses of both families.
package struct RouteMonitor: ~Copyable {
    package let descriptor: FileDescriptor
    private var buffer = [UInt8](repeating: 0, count: 65536)

    /// What one read brought.
    package enum Received: Equatable, Sendable {
        /// The events of one datagram, each with the port of the socket that caused it (0: the kernel).
        case events([(event: RouteEvent, port: UInt32)])
        /// Events were lost: `discard` what is queued, then read the tables anew.
        case lost
        /// Nothing is there now.
        case nothing

        package static func == (left: Received, right: Received) -> Bool {
            switch (left, right) {
            case (.events(let left), .events(let right)):
                left.elementsEqual(right) { $0.event == $1.event && $0.port == $1.port }
            case (.lost, .lost), (.nothing, .nothing): true
            case (.events, _), (.lost, _), (.nothing, _): false
            }
        }
    }

    package init() throws(SystemCallError) {
        var port: UInt32 = 0
        let groups =
            UInt32(RTMGRP_LINK) | UInt32(RTMGRP_IPV4_IFADDR) | UInt32(RTMGRP_IPV6_IFADDR)
        descriptor = FileDescriptor(
            owning: try check(
                unsafe tandem_netlink_open(NETLINK_ROUTE, groups, &port),
                "open netlink monitor"
            )
        )
        // Room for a burst; the kernel may grant less.
        _ = tandem_setsockopt_int(descriptor.rawValue, SOL_SOCKET, SO_RCVBUFFORCE, 1 << 20)
    }

    package mutating func receive() throws(SystemCallError) -> Received {
        do throws(SystemCallError) {
            guard let datagram = try NetlinkDatagram.receive(descriptor, into: &buffer) else {
                return .nothing
            }
            return .events(try Self.events(in: datagram))
        } catch {
            // A datagram that can't be read or does not fit is as good as lost.
            guard [ENOBUFS, EBADMSG, EMSGSIZE].contains(error.errno) else { throw error }
            return .lost
        }
    }

    /// Datagrams that `discard` throws away at most; far above what the queue holds.
    private static let discardBudget = 1 << 16

    /// Throws away what is queued: the kernel tells of a loss before it, and tells of no other before the queue
    /// has been empty. False: it does not become empty, so tables that are read now may be older than what it
    /// brings.
    package mutating func discard() throws(SystemCallError) -> Bool {
        for _ in 0..<Self.discardBudget {
            do throws(SystemCallError) {
                guard try NetlinkDatagram.receive(descriptor, into: &buffer) != nil else {
                    return true
                }
            } catch {
                guard [ENOBUFS, EMSGSIZE].contains(error.errno) else { throw error }
            }
        }
        return false
    }

    private static func events(
        in datagram: ArraySlice<UInt8>
    ) throws(SystemCallError) -> [(event: RouteEvent, port: UInt32)] {
        do throws(DecodeError) {
            var events: [(event: RouteEvent, port: UInt32)] = []
            for message in try NetlinkMessage.decode(datagram) {
                if let event = try RouteEvent(message) { events.append((event, message.port)) }
            }
            return events
        } catch {
            throw SystemCallError("read netlink", errno: EBADMSG)
        }
    }
}

private enum NetlinkDatagram {
    /// Nil when nothing is there. What other processes send to us is left out.
    static func receive(
        _ descriptor: borrowing FileDescriptor,
        into buffer: inout [UInt8]
    ) throws(SystemCallError) -> ArraySlice<UInt8>? {
        while true {
            var sender: UInt32 = 0
            var truncated = false
            let size = unsafe buffer.withUnsafeMutableBytes { raw in
                unsafe tandem_netlink_receive(
                    descriptor.rawValue,
                    raw.baseAddress,
                    raw.count,
                    &sender,
                    &truncated
                )
            }
            switch size {
            case -Int64(EAGAIN): return nil
            case -Int64(EINTR): continue
            case ..<0: throw SystemCallError("read netlink", errno: Int32(-size))
            default: break
            }
            guard sender == 0 else { continue }
            guard !truncated else { throw SystemCallError("read netlink", errno: EMSGSIZE) }
            return buffer[0..<Int(size)]
        }
    }
}
