import CLinux
import Glibc
package import LinuxIO
package import Primitives

/// A child process that takes addresses away when this one has been silent for too long, or has ended.
///
/// The kernel counts the lifetime of an address in whole seconds, which is too coarse for advertisements
/// below one second. The guard is forked once, before threads exist, and executes nothing; it holds
/// `CAP_NET_ADMIN`, a netlink socket and a clock. Deadlines are set in shared memory: that costs no system
/// call, and whoever is first has it, so that a process that was stopped and comes back is told that its
/// addresses are gone before it can believe otherwise.
@safe package struct AddressGuard: ~Copyable {
    /// Addresses with one deadline.
    package struct Ward: Equatable, Sendable {
        fileprivate var slots: [UInt32]
    }

    /// What the guard did.
    package struct Report: Equatable, Sendable {
        /// Addresses removed, and addresses that were not there any more.
        package var removed: Int
        package var missing: Int
        /// How long after the deadline all was done.
        package var lateness: Duration
        fileprivate var slot: UInt32

        package func concerns(_ ward: Ward) -> Bool { ward.slots.contains(slot) }
    }

    /// What one look brought.
    package enum Received: Equatable, Sendable {
        case report(Report)
        case nothing
        /// The guard has ended: nobody watches.
        case ended
    }

    package let pid: Int32
    /// Readable when there is a report, or when the guard has ended.
    package let channel: FileDescriptor
    private let memory: OpaquePointer
    private var free: [UInt32]

    /// Forks the guard; call it while this process has one thread. A `priority` above 0 is that of SCHED_RR,
    /// where it is allowed.
    package init(realTimePriority priority: Int32) throws(SystemCallError) {
        var memory: OpaquePointer?
        var channel: Int32 = -1
        let pid = try check(
            unsafe tandem_guard_start(&memory, &channel, priority),
            "start the address guard"
        )
        let socket = FileDescriptor(owning: channel)
        guard let memory = unsafe memory else {
            throw SystemCallError("start the address guard", errno: ENOMEM)
        }
        self.pid = pid
        self.channel = socket
        unsafe self.memory = unsafe memory
        free = (0..<UInt32(TANDEM_GUARD_SLOTS)).reversed()
    }

    /// The guard sees its owner's end close and takes away what is armed.
    deinit {
        unsafe tandem_guard_unmap(memory)
    }

    /// Prepares to take these addresses away; not armed yet. Throws `ENOSPC` when there is no room.
    package mutating func ward(
        _ addresses: [InterfaceAddress]
    ) throws(SystemCallError) -> Ward {
        var ward = Ward(slots: [])
        var requests: [UInt8] = []
        do throws(SystemCallError) {
            for address in addresses {
                let request = address.removeRequest().encode(sequence: 1)
                if requests.count + request.count > Int(TANDEM_GUARD_ROOM) {
                    try fill(&ward, with: requests)
                    requests = []
                }
                requests += request
            }
            if !requests.isEmpty { try fill(&ward, with: requests) }
        } catch {
            release(ward)
            throw error
        }
        return ward
    }

    private mutating func fill(
        _ ward: inout Ward,
        with requests: [UInt8]
    ) throws(SystemCallError) {
        guard let slot = free.popLast() else {
            throw SystemCallError("guard addresses", errno: ENOSPC)
        }
        ward.slots.append(slot)
        let result = unsafe requests.withUnsafeBytes { raw in
            unsafe tandem_guard_fill(memory, slot, raw.baseAddress, raw.count)
        }
        try check(result, "guard addresses")
    }

    /// Sets the deadline anew. False: the guard has acted since `disarm` was last called, and the addresses
    /// are gone.
    package func arm(_ ward: Ward, until deadline: Instant) -> Bool {
        var isOurs = true
        for slot in ward.slots {
            let armed = unsafe tandem_guard_arm(
                memory,
                channel.rawValue,
                slot,
                deadline.nanoseconds
            )
            isOurs = armed && isOurs
        }
        return isOurs
    }

    /// Takes the deadline back: the addresses are released, or about to be claimed. False: the guard had
    /// acted.
    @discardableResult
    package func disarm(_ ward: Ward) -> Bool {
        var isOurs = true
        for slot in ward.slots {
            let disarmed = unsafe tandem_guard_disarm(memory, slot)
            isOurs = disarmed && isOurs
        }
        return isOurs
    }

    /// Disarms and forgets. False: the guard had acted.
    @discardableResult
    package mutating func release(_ ward: Ward) -> Bool {
        let isOurs = disarm(ward)
        free += ward.slots
        return isOurs
    }

    /// What the guard has to say.
    package func receive() throws(SystemCallError) -> Received {
        var report = tandem_guard_report()
        let result = unsafe tandem_guard_report(channel.rawValue, &report)
        guard result != -EPIPE, result != -ECONNRESET else {
            var status: Int32 = 0
            _ = unsafe waitpid(pid, &status, WNOHANG)
            return .ended
        }
        guard try check(result, "hear the address guard") == 1 else { return .nothing }
        let late = report.deadline == 0 ? 0 : report.done &- report.deadline
        return .report(
            Report(
                removed: Int(report.removed),
                missing: Int(report.refused),
                lateness: .nanoseconds(Int64(clamping: late)),
                slot: report.slot
            )
        )
    }
}
