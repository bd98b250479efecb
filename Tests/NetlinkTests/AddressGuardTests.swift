import CLinux
import Glibc
import LinuxIO
import Primitives
import Testing

@testable import Netlink

@Suite("The address guard", .timeLimit(.minutes(1)))
struct AddressGuardTests {
    private final class Bench {
        var table: RouteTable<KernelRouteSocket>
        var addressGuard: AddressGuard
        var addresses: [InterfaceAddress]
        var ward: AddressGuard.Ward

        init(_ addresses: Int = 2) throws {
            try PrivateNetwork.makeCable()
            let interface = try check(tandem_interface_index("eth0"), "index of eth0")
            var table = RouteTable(socket: try KernelRouteSocket())
            var virtual: [InterfaceAddress] = []
            for number in 0..<UInt32(addresses) {
                let address: IPAddress =
                    number.isMultiple(of: 2)
                    ? .v4(IPv4Address(rawValue: 0xC0A8_0064 + number))
                    : .v6(IPv6Address(high: 0xFD00_0000_0000_0000, low: 0x100 + UInt64(number)))
                virtual.append(
                    InterfaceAddress(
                        interface: interface,
                        prefix: Prefix(host: address),
                        flags: address.family == .v6 ? UInt32(IFA_F_NODAD) : 0
                    )
                )
            }
            for address in virtual { try table.put(address) }
            var addressGuard = try AddressGuard(realTimePriority: 2)
            let ward = try addressGuard.ward(virtual)
            self.table = table
            self.addressGuard = addressGuard
            self.addresses = virtual
            self.ward = ward
        }

        var channel: Int32 { addressGuard.channel.rawValue }
        var pid: Int32 { addressGuard.pid }

        func arm(_ ward: AddressGuard.Ward? = nil, for limit: Duration) -> Bool {
            addressGuard.arm(ward ?? self.ward, until: Clock.now + limit)
        }

        func disarm() -> Bool { addressGuard.disarm(ward) }
        func receive() throws -> AddressGuard.Received { try addressGuard.receive() }

        func left() throws -> Int {
            let present = Set(try table.addresses().map(\.key))
            return addresses.filter { present.contains($0.key) }.count
        }

        /// Until none is left: how long that took.
        func untilGone(_ limit: Duration) throws -> Duration {
            let begin = Clock.now
            while try left() > 0, Clock.now - begin < limit { usleep(500) }
            return Clock.now - begin
        }
    }

    @Test(arguments: [2, 300])
    func `silence takes the addresses away at the deadline, and the owner is told`(
        _ count: Int
    ) throws {
        try PrivateNetwork.run {
            let bench = try Bench(count)
            #expect(bench.arm(for: .milliseconds(250)))
            usleep(200_000)
            #expect(try bench.left() == count)
            let spent = try bench.untilGone(.seconds(5)) + .milliseconds(200)
            print("\(count) addresses were gone \(spent) after the last word")
            #expect(spent < .milliseconds(400))
            #expect(!bench.arm(for: .seconds(1)))
            var removed = 0
            while tandem_wait_readable(bench.channel, 100) == 1 {
                guard case .report(let report) = try bench.receive() else { break }
                #expect(report.concerns(bench.ward) && report.missing == 0)
                removed += report.removed
            }
            #expect(removed == count)
            // Known and forgotten: the next claim begins anew.
            #expect(!bench.disarm())
            for address in bench.addresses { try bench.table.put(address) }
            #expect(bench.arm(for: .milliseconds(100)))
            #expect(try bench.untilGone(.seconds(5)) < .milliseconds(400))
        }
    }

    @Test
    func `an owner that goes on speaking keeps its addresses, and a released one is left alone`()
        throws
    {
        try PrivateNetwork.run {
            let bench = try Bench()
            let end = Clock.now + .seconds(1)
            while Clock.now < end {
                #expect(bench.arm(for: .milliseconds(250)))
                usleep(20_000)
            }
            #expect(try bench.left() == 2)
            #expect(bench.disarm())
            usleep(400_000)
            #expect(try bench.left() == 2)
            #expect(try bench.receive() == .nothing)
            // An earlier deadline than that of another ward is kept, too.
            let other = try bench.addressGuard.ward([bench.addresses[0]])
            #expect(bench.arm(for: .seconds(60)))
            usleep(10_000)
            #expect(bench.arm(other, for: .milliseconds(100)))
            usleep(300_000)
            #expect(try bench.left() == 1)
        }
    }

    @Test func `an owner that ends leaves nothing behind, and the guard ends with it`() throws {
        try PrivateNetwork.run {
            var table = RouteTable(socket: try KernelRouteSocket())
            let pid: Int32
            do {
                let bench = try Bench()
                #expect(bench.arm(for: .seconds(60)))
                pid = bench.pid
            }
            let begin = Clock.now
            var status: Int32 = 0
            var ended: Int32 = 0
            while ended == 0, Clock.now - begin < .seconds(5) {
                ended = waitpid(pid, &status, WNOHANG)
                usleep(500)
            }
            #expect(ended == pid && status == 0)
            #expect(try table.addresses().filter { $0.scope == 0 } == [])
        }
    }

    @Test func `a guard that is gone is told`() throws {
        try PrivateNetwork.run {
            let bench = try Bench()
            #expect(try bench.receive() == .nothing)
            kill(bench.pid, SIGKILL)
            #expect(tandem_wait_readable(bench.channel, 1000) == 1)
            #expect(try bench.receive() == .ended)
        }
    }

    @Test func `the guard holds one capability, may gain none and is filtered`() throws {
        try PrivateNetwork.run {
            let bench = try Bench()
            let status = String(
                decoding: try readFile("/proc/\(bench.pid)/status"),
                as: UTF8.self
            )
            for line in [
                "Name:\ttandem-guard", "CapEff:\t0000000000001000", "CapPrm:\t0000000000001000",
                "CapInh:\t0000000000000000", "CapBnd:\t0000000000000000", "NoNewPrivs:\t1",
                "Seccomp:\t2", "Threads:\t1",
            ] { #expect(status.contains(line), "\(line) in \(status)") }
            // SIGTERM to a whole group is for the owner; only its end ends the guard.
            kill(bench.pid, SIGTERM)
            usleep(20_000)
            #expect(try bench.receive() == .nothing)
        }
    }

    @Test func `room that is not there is refused, and room that is given back is there again`()
        throws
    {
        try PrivateNetwork.run {
            let bench = try Bench()
            let many = Array(repeating: bench.addresses[0], count: 60_000)
            let refusal = #expect(throws: SystemCallError.self) {
                _ = try bench.addressGuard.ward(many)
            }
            #expect(refusal?.errno == ENOSPC)
            let ward = try bench.addressGuard.ward(Array(many.prefix(40_000)))
            bench.addressGuard.release(ward)
            _ = try bench.addressGuard.ward(Array(many.prefix(40_000)))
        }
    }
}
