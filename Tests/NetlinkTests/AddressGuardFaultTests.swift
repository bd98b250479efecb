import CLinux
import Glibc
import LinuxIO
import Primitives
import Testing

@testable import Netlink

/// An owner with advertisements every 100 ms that is killed or stopped from outside: how long its address
/// stays.
@Suite("The address guard and its owner's faults", .timeLimit(.minutes(1)))
struct AddressGuardFaultTests {
    /// Looks on from a process of its own: does what it is told to the owner, `$1`, and writes into `$3` how
    /// many nanoseconds later the address was gone; then ends the owner.
    private static let onlooker = """
        sleep 0.5
        begin=$(date +%s%N)
        kill -$2 $1
        while ip -o address show dev eth0 | grep -q 192.168.0.100; do :; done
        echo $(($(date +%s%N) - begin)) > $3
        [ $2 = STOP ] && kill -KILL $1
        """

    /// Never returns: advertises, so to speak, until it is killed.
    private static func own(signal: String, report: String) throws {
        try PrivateNetwork.run {
            try PrivateNetwork.makeCable()
            var table = RouteTable(socket: try KernelRouteSocket())
            let address = InterfaceAddress(
                interface: try check(tandem_interface_index("eth0"), "index of eth0"),
                prefix: try #require(Prefix("192.168.0.100/32")),
                lifetime: 2
            )
            var addressGuard = try AddressGuard(realTimePriority: 2)
            let ward = try addressGuard.ward([address])
            try table.put(address)
            let script = Spawn(
                path: "/bin/sh",
                arguments: ["sh", "-c", onlooker, "sh", "\(getpid())", signal, report],
                environment: ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"]
            )
            let child = try script.start()
            let interval = Duration.milliseconds(100)
            while child.reap() == nil {
                guard addressGuard.arm(ward, until: Clock.now + interval * 5 / 2) else { break }
                try table.put(address)
                PrivateNetwork.sleep(interval)
            }
            // A stopped owner never comes so far before it is killed.
            exit(0)
        }
    }

    private func milliseconds(_ path: String) throws -> Double {
        let text = String(decoding: try readFile(path).prefix { $0 > 32 }, as: UTF8.self)
        return (Double(text) ?? .infinity) / 1e6
    }

    @Test func `a killed owner's address is gone at once`() async throws {
        let report = "/tmp/tandem-guard-killed-\(getpid())"
        defer { unlink(report) }
        await #expect(processExitsWith: .signal(SIGKILL)) { [report = report as String] in
            try Self.own(signal: "KILL", report: report)
        }
        for _ in 0..<100 where (try? readFile(report))?.isEmpty ?? true { usleep(20_000) }
        let spent = try milliseconds(report)
        print("after SIGKILL the address was gone in \(spent) ms")
        #expect(spent < 100)
    }

    @Test func `a stopped owner's address is gone after two and a half advertisements`()
        async throws
    {
        let report = "/tmp/tandem-guard-stopped-\(getpid())"
        defer { unlink(report) }
        await #expect(processExitsWith: .signal(SIGKILL)) { [report = report as String] in
            try Self.own(signal: "STOP", report: report)
        }
        let spent = try milliseconds(report)
        print("after SIGSTOP the address was gone in \(spent) ms")
        #expect(spent > 140 && spent < 350)
    }
}
