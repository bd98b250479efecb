import CLinux
import Glibc
package import LinuxIO
import Primitives

/// Hears of every process that comes, changes what it is, or goes (the kernel's process connector).
///
/// It takes `CAP_NET_ADMIN`, and the machine's own network and process namespaces: in a container it can't be
/// opened, and what runs is found by looking again and again (`RunningProcess.all`).
package struct ProcessEvents: ~Copyable {
    package enum Event: Equatable, Sendable {
        /// Forked: it is what its parent is.
        case forked(pid: Int32, parent: Int32)
        /// Executed a program, or named itself anew: look what it is.
        case changed(pid: Int32)
        case ended(pid: Int32)
    }

    package enum Received: Equatable, Sendable {
        case event(Event)
        case nothing
        /// Events were lost, and those that were queued are thrown away: look at all processes anew.
        case lost
    }

    /// Datagrams that one call throws away at most.
    private static let discardBudget = 256
    /// Datagrams that are thrown away after a loss at most; far above what the queue holds.
    private static let staleBudget = 1 << 16

    package let descriptor: FileDescriptor
    private var buffer = [UInt8](repeating: 0, count: 1024)

    package init() throws(SystemCallError) {
        descriptor = FileDescriptor(
            owning: try check(tandem_process_events_open(), "listen to process events")
        )
    }

    package mutating func receive() throws(SystemCallError) -> Received {
        for _ in 0..<Self.discardBudget {
            let datagram: Datagram
            do throws(SystemCallError) {
                guard let read = try read() else { return .nothing }
                datagram = read
            } catch {
                guard error.errno == ENOBUFS else { throw error }
                try discard()
                return .lost
            }
            guard datagram.isKernels, let event = try? Self.event(in: buffer[0..<datagram.size])
            else { continue }
            return .event(event)
        }
        return .nothing
    }

    /// The kernel tells of a loss before what is queued, which is older than any look at the processes from now
    /// on, and it tells of no other loss before the queue has been empty.
    private mutating func discard() throws(SystemCallError) {
        for _ in 0..<Self.staleBudget {
            do throws(SystemCallError) {
                guard try read() != nil else { return }
            } catch {
                guard error.errno == ENOBUFS else { throw error }
            }
        }
    }

    private struct Datagram {
        var size: Int
        /// Whole, and from nobody else.
        var isKernels: Bool
    }

    /// Nil when nothing is there.
    private mutating func read() throws(SystemCallError) -> Datagram? {
        while true {
            var sender: UInt32 = 0
            var isCut = false
            let size = unsafe buffer.withUnsafeMutableBytes { raw in
                unsafe tandem_netlink_receive(
                    descriptor.rawValue,
                    raw.baseAddress,
                    raw.count,
                    &sender,
                    &isCut
                )
            }
            switch size {
            case -Int64(EAGAIN): return nil
            case -Int64(EINTR): continue
            case ..<0:
                throw SystemCallError("hear processes", errno: Int32(truncatingIfNeeded: -size))
            default: return Datagram(size: Int(size), isKernels: sender == 0 && !isCut)
            }
        }
    }

    /// `struct proc_event` behind a netlink header and a connector header, in the host's order. Nil for what
    /// is none of ours.
    static func event(in datagram: ArraySlice<UInt8>) throws(DecodeError) -> Event? {
        var reader = ByteReader(slice: datagram)
        func number() throws(DecodeError) -> UInt32 {
            let raw: UInt32 = try reader.bigEndian()
            return UInt32(bigEndian: raw)
        }
        try reader.skip(36)
        let what = try number()
        try reader.skip(12)
        let first = Int32(truncatingIfNeeded: try number())
        let second = Int32(truncatingIfNeeded: try number())
        switch what {
        case PROC_EVENT_FORK.rawValue:
            return .forked(pid: Int32(truncatingIfNeeded: try number()), parent: second)
        case PROC_EVENT_EXEC.rawValue, PROC_EVENT_COMM.rawValue: return .changed(pid: first)
        case PROC_EVENT_EXIT.rawValue: return .ended(pid: first)
        default: return nil
        }
    }
}

/// A process as /proc shows it.
package struct RunningProcess: Equatable, Sendable {
    /// What the kernel keeps of the command line here; longer ones are cut.
    private static let commandLimit = 1 << 16

    package var pid: Int32
    /// The kernel's name of it, at most 15 bytes: what keepalived compares when it does not compare
    /// the command line.
    package var name: String
    /// Its arguments, the program's own name first; empty for a kernel thread and for what is dying.
    package var arguments: [String]

    package init(pid: Int32, name: String, arguments: [String]) {
        self.pid = pid
        self.name = name
        self.arguments = arguments
    }

    /// Nil when there is none, or when it has ended and waits for its parent.
    package init?(pid: Int32) {
        guard let status = try? readFile("/proc/\(pid)/stat", limit: 4096),
            let opening = status.firstIndex(of: UInt8(ascii: "(")),
            let closing = status.lastIndex(of: UInt8(ascii: ")")), opening < closing,
            closing + 2 < status.count
        else { return nil }
        let state = status[closing + 2]
        guard state != UInt8(ascii: "Z"), state != UInt8(ascii: "X") else { return nil }
        self.pid = pid
        name = String(decoding: status[(opening + 1)..<closing], as: UTF8.self)
        let command = (try? readFile("/proc/\(pid)/cmdline", limit: Self.commandLimit)) ?? []
        arguments = command.split(separator: 0, omittingEmptySubsequences: false)
            .dropLast(command.last == 0 ? 1 : 0)
            .map { String(decoding: $0, as: UTF8.self) }
    }

    /// Every process that this one can see: at the start, and after events were lost.
    package static func all() throws(SystemCallError) -> [RunningProcess] {
        try numbers().compactMap(RunningProcess.init(pid:))
    }

    /// The numbers of all of them, which is much less to read.
    package static func numbers() throws(SystemCallError) -> [Int32] {
        guard let directory = unsafe opendir("/proc") else {
            throw SystemCallError("open", on: "/proc", errno: errno)
        }
        defer { unsafe closedir(directory) }
        var found: [Int32] = []
        while let entry = unsafe readdir(directory) {
            let name = unsafe withUnsafeBytes(of: entry.pointee.d_name) { raw in
                unsafe String(decoding: raw.prefix { $0 != 0 }, as: UTF8.self)
            }
            if let pid = Int32(name) { found.append(pid) }
        }
        return found
    }
}
