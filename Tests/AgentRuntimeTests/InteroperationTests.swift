import Glibc
import LinuxIO
import NamespaceLab
import Primitives
import Testing

@testable import AgentRuntime

/// A pair of which one node runs Debian's keepalived, in both roles.
@Suite(
    "With a keepalived peer",
    .serialized,
    .timeLimit(.minutes(3)),
    .enabled(if: geteuid() == 0, "network namespaces need root"),
    .enabled(if: KeepalivedPeer.isInstalled, "apt-get install keepalived")
)
struct InteroperationTests {
    enum Mode: String, CaseIterable, Sendable {
        case multicast2 = "v2 multicast"
        case unicast2 = "v2 unicast with a password"
        case version3 = "v3 over IPv4"
        case version3Unicast = "v3 over IPv4, unicast"
        case version3IPv6 = "v3 over IPv6"

        var address: String { self == .version3IPv6 ? "fd00::99/64" : "192.168.0.100/24" }

        func file(priority: Int, own: String, peer: String) -> String {
            let unicast = "  unicast_src_ip \(own)\n  unicast_peer {\n    \(peer)\n  }\n"
            let more =
                switch self {
                case .multicast2: ""
                case .unicast2:
                    unicast
                        + "  authentication {\n    auth_type PASS\n    auth_pass sesame\n  }\n"
                case .version3: "  version 3\n"
                case .version3Unicast: "  version 3\n" + unicast
                case .version3IPv6: "  version 3\n"
                }
            return """
                vrrp_instance VI_1 {
                  state BACKUP
                  interface eth0
                  virtual_router_id 77
                  priority \(priority)
                  advert_int 1
                \(more)  virtual_ipaddress {
                    \(address)
                  }
                }

                """
        }
    }

    /// Which node is which: Tandem on machine1, keepalived on machine2.
    private struct Pair {
        let lab: Lab
        let mode: Mode

        init(_ mode: Mode, tandem: Int, keepalived: Int) throws {
            lab = try Lab(seed: seedDirectory(), servesBackend: false)
            self.mode = mode
            let (one, two) = ("192.168.0.193", "192.168.0.192")
            try write(
                mode.file(priority: tandem, own: one, peer: two),
                to: lab.machine1.keepalivedFile
            )
            try write(
                mode.file(priority: keepalived, own: two, peer: one),
                to: lab.machine2.keepalivedFile
            )
        }

        func holds(_ node: Node) -> Bool {
            let shown = try? node.namespace.ip(["address", "show", "dev", "eth0"]).output
            let bare = mode.address.prefix { $0 != "/" }
            return shown?.contains(" \(bare)/") ?? false
        }

        var onlyTandem: Bool { holds(lab.machine1) && !holds(lab.machine2) }
        var onlyKeepalived: Bool { holds(lab.machine2) && !holds(lab.machine1) }

        var report: String {
            [lab.machine1, lab.machine2].map { $0.logTail() }.joined(separator: "\n")
        }

        /// Waits for a hand-over, and looks all the while at who has the address. keepalived claims with its first
        /// advertisement, so whoever hands over to it has it for as long as it takes to hear that.
        func handsOver(
            within limit: Duration,
            togetherAtMost most: Duration = .zero,
            until isDone: () -> Bool
        ) -> Bool {
            let begin = Clock.now
            var since: Instant?
            var longest = Duration.zero
            let isOver = wait(limit) {
                if holds(lab.machine1), holds(lab.machine2), holds(lab.machine1) {
                    since = since ?? Clock.now
                } else {
                    since = nil
                }
                if let since { longest = max(longest, Clock.now - since) }
                return isDone()
            }
            // The sampler knows IPv4 alone; what `ip` sees is seen a few tens of milliseconds later.
            let exact = mode == .version3IPv6 ? nil : lab.owners.time(.both, from: begin)
            let both = exact ?? longest
            print("measured: interoperation: \(mode.rawValue): both had it for \(text(both))")
            return isOver && both <= most && longest <= most + .milliseconds(100)
                && (exact == nil || lab.owners.blindness(since: begin).isEmpty)
        }

        /// For two seconds, looked at again and again.
        func neverBoth() -> Bool {
            let end = Clock.now + .seconds(2)
            while Clock.now < end {
                if holds(lab.machine1), holds(lab.machine2), holds(lab.machine1) { return false }
                usleep(20_000)
            }
            return true
        }
    }

    @Test(
        "Tandem is MASTER, hands over at its stop, and takes the address back",
        arguments: Mode.allCases
    )
    func tandemIsMaster(mode: Mode) throws {
        let pair = try Pair(mode, tandem: 150, keepalived: 100)
        defer { pair.lab.tearDown() }
        let peer = try KeepalivedPeer(on: pair.lab.machine2)
        var agent: AgentProcess? = try AgentProcess(on: pair.lab.machine1)
        #expect(wait(.seconds(10)) { pair.onlyTandem }, "\(pair.report)")
        #expect(pair.neverBoth(), "\(pair.report)")

        let stopped = Clock.now
        agent?.signal(SIGTERM)
        #expect(pair.handsOver(within: .seconds(4)) { pair.onlyKeepalived }, "\(pair.report)")
        print(
            "measured: interoperation: \(mode.rawValue): keepalived took over after \(text(Clock.now - stopped))"
        )
        #expect(agent?.end(within: .seconds(3)) == .exited(0))

        agent = try AgentProcess(on: pair.lab.machine1)
        #expect(pair.handsOver(within: .seconds(10)) { pair.onlyTandem }, "\(pair.report)")
        #expect(pair.neverBoth(), "\(pair.report)")
        #expect(!pair.lab.machine1.logged("dropped"), "\(pair.report)")
        peer.stop()
        #expect(pair.onlyTandem)
    }

    @Test(
        "keepalived is MASTER, Tandem follows at its stop, and gives the address back",
        arguments: Mode.allCases
    )
    func keepalivedIsMaster(mode: Mode) throws {
        let pair = try Pair(mode, tandem: 100, keepalived: 150)
        defer { pair.lab.tearDown() }
        let agent = try AgentProcess(on: pair.lab.machine1)
        var peer: KeepalivedPeer? = try KeepalivedPeer(on: pair.lab.machine2)
        #expect(wait(.seconds(10)) { pair.onlyKeepalived }, "\(pair.report)")
        #expect(pair.neverBoth(), "\(pair.report)")

        let stopped = Clock.now
        peer?.stop()
        peer = nil
        #expect(pair.handsOver(within: .seconds(4)) { pair.onlyTandem }, "\(pair.report)")
        print(
            "measured: interoperation: \(mode.rawValue): Tandem took over after \(text(Clock.now - stopped))"
        )

        peer = try KeepalivedPeer(on: pair.lab.machine2)
        #expect(
            pair.handsOver(within: .seconds(10), togetherAtMost: .milliseconds(50)) {
                pair.onlyKeepalived
            },
            "\(pair.report)"
        )
        #expect(pair.neverBoth(), "\(pair.report)")
        #expect(agent.isRunning)
        peer?.stop()
    }
}
