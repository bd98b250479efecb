import CLinux
import Glibc
import LinuxIO
package import Primitives
import Synchronization

/// Asks the kernels of both nodes every 2 ms who has the virtual address.
package final class OwnerSampler: Sendable {
    package struct Owners: OptionSet, Sendable, Hashable {
        package let rawValue: UInt8
        package init(rawValue: UInt8) { self.rawValue = rawValue }
        package static let machine1 = Owners(rawValue: 1)
        package static let machine2 = Owners(rawValue: 2)
        package static let both: Owners = [.machine1, .machine2]
    }

    /// From `at` on these had the address.
    package struct Change: Sendable {
        package var at: Instant
        package var owners: Owners
    }

    /// A time in which nothing was seen, and why.
    package struct Blindness: Sendable {
        package var from: Instant
        package var to: Instant
        package var cause: String
    }

    /// An overlap that is shorter than the time between two looks is not seen; one that matters is longer than this.
    package static let longestBlindness: Duration = .milliseconds(250)

    private let stopping = Mutex(false)
    private let recorded = Mutex<[Change]>([])
    private let gap = Mutex(Duration.zero)
    private let blindness = Mutex<[Blindness]>([])
    private let thread: Mutex<Thread?> = Mutex(nil)

    init(machine1: Namespace, machine2: Namespace, address: IPv4Address) throws {
        let first = try machine1.onThread { try AddressQuery.open() }
        let second = try machine2.onThread { try AddressQuery.open() }
        let started = try Thread { [self] in
            var one = AddressQuery(socket: FileDescriptor(owning: first))
            var two = AddressQuery(socket: FileDescriptor(owning: second))
            var last = Clock.now
            while !stopping.withLock({ $0 }) {
                let now = Clock.now
                gap.withLock { $0 = max($0, now - last) }
                if now - last > Self.longestBlindness {
                    noteBlindness(from: last, to: now, "no look")
                }
                last = now
                let owners: Owners
                do {
                    owners = try Self.look(at: address, &one, &two)
                } catch {
                    noteBlindness(from: now, to: Clock.now, "\(error)")
                    continue
                }
                recorded.withLock { changes in
                    if changes.last?.owners != owners {
                        changes.append(Change(at: now, owners: owners))
                    }
                }
                usleep(2000)
            }
        }
        thread.withLock { $0 = started }
    }

    private static func look(
        at address: IPv4Address,
        _ one: inout AddressQuery,
        _ two: inout AddressQuery
    ) throws(SystemCallError) -> Owners {
        var owners: Owners = []
        let before = try one.holds(address)
        if try two.holds(address) { owners.insert(.machine2) }
        // Two owners only if the first still has it after the second was seen with it.
        let still = owners.isEmpty ? before : try one.holds(address)
        if before, still { owners.insert(.machine1) }
        return owners
    }

    private func noteBlindness(from: Instant, to: Instant, _ cause: String) {
        blindness.withLock { $0.append(Blindness(from: from, to: to, cause: cause)) }
    }

    func stop() {
        stopping.withLock { $0 = true }
        thread.withLock { running in
            running?.join()
            running = nil
        }
    }

    package var now: Owners { recorded.withLock { $0.last?.owners ?? [] } }
    package var changes: [Change] { recorded.withLock { $0 } }
    /// The longest time between two looks: what could have been missed.
    package var longestGap: Duration { gap.withLock { $0 } }

    /// When it saw nothing since `begin`: looks that failed, and looks that were too far apart.
    package func blindness(since begin: Instant) -> [Blindness] {
        blindness.withLock { $0 }.filter { $0.to > begin }
    }

    /// How long exactly these had the address between two instants.
    package func time(
        _ owners: Owners,
        from begin: Instant,
        to end: Instant = Clock.now
    ) -> Duration {
        let changes = changes
        var total = Duration.zero
        for (index, change) in changes.enumerated() where change.owners == owners {
            let from = max(begin, change.at)
            let to = min(end, index + 1 < changes.count ? changes[index + 1].at : end)
            if to > from { total += to - from }
        }
        return total
    }

    /// When these became the owners for the first time after `begin`; nil: never.
    package func firstTime(_ owners: Owners, after begin: Instant) -> Instant? {
        changes.first { $0.at > begin && $0.owners == owners }?.at
    }
}

/// One question to one kernel: is this address on any of your interfaces?
private struct AddressQuery: ~Copyable {
    private let socket: FileDescriptor
    private var buffer = [UInt8](repeating: 0, count: 65536)
    private var sequence: UInt32 = 0

    init(socket: consuming FileDescriptor) {
        self.socket = socket
    }

    /// A route socket of this thread's namespace.
    static func open() throws -> Int32 {
        let raw = Glibc.socket(
            AF_NETLINK,
            Int32(SOCK_RAW.rawValue | SOCK_CLOEXEC.rawValue),
            Int32(NETLINK_ROUTE)
        )
        guard raw >= 0 else { throw SystemCallError("socket", on: "netlink", errno: errno) }
        var limit = timeval(tv_sec: 1, tv_usec: 0)
        setsockopt(raw, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        return raw
    }

    mutating func holds(_ address: IPv4Address) throws(SystemCallError) -> Bool {
        sequence &+= 1
        var request = ByteWriter(reserving: 24)
        request.littleEndian(UInt32(24))
        request.littleEndian(UInt16(RTM_GETADDR))
        request.littleEndian(UInt16(0x301))  // NLM_F_REQUEST | NLM_F_DUMP
        request.littleEndian(sequence)
        request.littleEndian(UInt32(0))
        request.append([UInt8(AF_INET), 0, 0, 0, 0, 0, 0, 0])
        guard send(socket.rawValue, request.bytes, 24, 0) == 24 else {
            throw SystemCallError("send", on: "netlink", errno: errno)
        }
        var found = false
        while true {
            let count = recv(socket.rawValue, &buffer, buffer.count, 0)
            guard count > 0 else {
                throw SystemCallError("recv", on: "netlink", errno: count == 0 ? EPIPE : errno)
            }
            switch scan(count, for: address.octets) {
            case .found: found = true
            case .more: continue
            case .done: return found
            case .foundAndDone: return true
            }
        }
    }

    private enum Scan {
        case found
        case more
        case done
        case foundAndDone
    }

    private func scan(_ count: Int, for octets: [UInt8]) -> Scan {
        func number16(_ at: Int) -> Int { Int(buffer[at]) | Int(buffer[at + 1]) << 8 }
        var found = false
        var offset = 0
        while offset + 16 <= count {
            let length = number16(offset) | number16(offset + 2) << 16
            let type = number16(offset + 4)
            guard length >= 16, offset + length <= count else { break }
            if type == 3 || type == 2 { return found ? .foundAndDone : .done }
            var attribute = offset + 24
            while type == 20, attribute + 4 <= offset + length {
                let size = number16(attribute)
                guard size >= 4, attribute + size <= offset + length else { break }
                // IFA_LOCAL
                if number16(attribute + 2) == 2, size == 8,
                    Array(buffer[attribute + 4..<attribute + 8]) == octets
                {
                    found = true
                }
                attribute += (size + 3) & ~3
            }
            offset += (length + 3) & ~3
        }
        return found ? .found : .more
    }
}
