import CLinux
import Glibc
package import LinuxIO
import Primitives

/// A datagram socket to the kernel's routing tables: all that a session needs of it.
package protocol RouteSocket: ~Copyable {
    mutating func send(_ message: [UInt8]) throws(SystemCallError)
    /// One datagram of the kernel; nil when none came within `wait`. Throws `ENOBUFS` when some were lost.
    mutating func receive(within wait: Duration) throws(SystemCallError) -> ArraySlice<UInt8>?
}

/// Requests and their answers, matched by sequence number: an answer that comes after its request was given
/// up is never taken for another's.
///
/// The kernel works on a request while it is sent, so its answer is there at once; the limits exist so that
/// a kernel that is otherwise can't stop the caller's loop.
package struct RouteSession<Socket: RouteSocket & ~Copyable>: ~Copyable {
    package static var acknowledgementLimit: Duration { .milliseconds(5) }
    package static var dumpLimit: Duration { .milliseconds(100) }
    /// A dump that the tables changed under is begun again, so often.
    package static var dumpAttempts: Int { 4 }
    /// Messages of one dump; far above any machine's interfaces and addresses.
    package static var dumpMessages: Int { 1 << 16 }

    package private(set) var socket: Socket
    private var sequence: UInt32

    /// `firstSequence` makes the sequence numbers of a restarted program differ from its predecessor's.
    package init(socket: consuming Socket, firstSequence: UInt32 = 1) {
        self.socket = socket
        sequence = firstSequence &- 1
    }

    /// Sends a request and waits for its acknowledgement. Throws the kernel's refusal.
    package mutating func acknowledge(
        _ request: RouteRequest,
        within limit: Duration = Self.acknowledgementLimit
    ) throws(SystemCallError) {
        var deadline = Patience(limit: limit)
        let sequence = try send(request)
        while true {
            for message in try receive(for: request, until: &deadline)
            where message.sequence == sequence && message.type == UInt16(NLMSG_ERROR) {
                try Self.verdict(of: message, on: request)
                return
            }
        }
    }

    /// Sends a dump request and returns those of its messages that are kept.
    ///
    /// `limit`: the whole of it takes no longer, or throws `ETIMEDOUT`. The kernel then goes on with the next read, so
    /// that socket is of no use for another request.
    package mutating func dump(
        _ request: RouteRequest,
        within limit: Duration? = nil,
        keeping isKept: (NetlinkMessage) -> Bool = { _ in true }
    ) throws(SystemCallError) -> [NetlinkMessage] {
        let end = limit.map { Clock.now + $0 } ?? .distantFuture
        for _ in 0..<Self.dumpAttempts {
            if let messages = try dumpOnce(request, until: end, isKept) { return messages }
        }
        throw SystemCallError("list", on: request.subject, errno: EAGAIN)
    }

    /// Nil when the tables changed meanwhile (`NLM_F_DUMP_INTR`).
    private mutating func dumpOnce(
        _ request: RouteRequest,
        until end: Instant,
        _ isKept: (NetlinkMessage) -> Bool
    ) throws(SystemCallError) -> [NetlinkMessage]? {
        var deadline = Patience(limit: Self.dumpLimit)
        let sequence = try send(request)
        var collected: [NetlinkMessage] = []
        var interrupted = false
        while true {
            guard Clock.now < end else {
                throw SystemCallError("list", on: request.subject, errno: ETIMEDOUT)
            }
            for message in try receive(for: request, until: &deadline)
            where message.sequence == sequence {
                interrupted = interrupted || message.flags & UInt16(NLM_F_DUMP_INTR) != 0
                switch Int32(message.type) {
                case NLMSG_DONE: return interrupted ? nil : collected
                case NLMSG_ERROR: try Self.verdict(of: message, on: request)
                case NLMSG_NOOP: continue
                default:
                    guard isKept(message) else { continue }
                    guard collected.count < Self.dumpMessages else {
                        throw SystemCallError("list", on: request.subject, errno: E2BIG)
                    }
                    collected.append(message)
                }
            }
        }
    }

    private mutating func send(_ request: RouteRequest) throws(SystemCallError) -> UInt32 {
        sequence &+= 1
        try socket.send(request.encode(sequence: sequence))
        return sequence
    }

    private mutating func receive(
        for request: RouteRequest,
        until patience: inout Patience
    ) throws(SystemCallError) -> [NetlinkMessage] {
        guard let datagram = try socket.receive(within: patience.left) else {
            throw SystemCallError("wait for netlink", on: request.subject, errno: ETIMEDOUT)
        }
        do throws(DecodeError) {
            return try NetlinkMessage.decode(datagram)
        } catch {
            throw SystemCallError("read netlink", on: request.subject, errno: EBADMSG)
        }
    }

    /// `NLMSG_ERROR`: a negative errno, 0 for success, then the header of the request and, where the kernel
    /// has them, its own words.
    private static func verdict(
        of message: NetlinkMessage,
        on request: RouteRequest
    ) throws(SystemCallError) {
        var reader = ByteReader(slice: message.body)
        guard let code: UInt32 = try? reader.native() else {
            throw SystemCallError("read netlink", on: request.subject, errno: EBADMSG)
        }
        let errno = Int32(bitPattern: code)
        guard errno != 0 else { return }
        var subject = request.subject
        if message.flags & UInt16(NLM_F_ACK_TLVS) != 0,
            (try? reader.skip(NetlinkMessage.headerSize)) != nil,
            let words = (try? NetlinkAttributes(from: &reader))?.text(
                Int(NLMSGERR_ATTR_MSG.rawValue)
            )
        {
            subject += " (\(words))"
        }
        throw SystemCallError(request.name, on: subject, errno: errno == .min ? EBADMSG : -errno)
    }
}

/// How long an answer is waited for.
private struct Patience {
    private let end: Instant

    init(limit: Duration) {
        end = Clock.now + limit
    }

    /// Zero when it is over: what is there already is read even then, since the time may have gone by in
    /// `send`, where the kernel works on the request.
    var left: Duration { max(.zero, end - Clock.now) }
}

extension RouteRequest {
    fileprivate var name: String {
        switch Int(type) {
        case Int(RTM_NEWADDR): "add address"
        case Int(RTM_DELADDR): "remove address"
        case Int(RTM_GETADDR): "list"
        case Int(RTM_GETLINK), Int(RTM_GETROUTE): "list"
        case Int(RTM_NEWLINK): "set up interface"
        case Int(RTM_DELLINK): "delete interface"
        default: "netlink request \(type)"
        }
    }
}
