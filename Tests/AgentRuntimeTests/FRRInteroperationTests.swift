import Glibc
import LinuxIO
import NamespaceLab
import Primitives
import Testing

@testable import AgentRuntime

/// A pair of which one node runs FRR's vrrpd, version 3 over both families, in both roles.
@Suite(
    "With an FRR peer",
    .serialized,
    .timeLimit(.minutes(3)),
    .enabled(if: geteuid() == 0, "network namespaces need root"),
    .enabled(if: FRRPeer.isInstalled, "apt-get install frr")
)
struct FRRInteroperationTests {
    enum Family: String, CaseIterable, Sendable {
        case v4 = "v3 over IPv4"
        case v6 = "v3 over IPv6"

        var address: String { self == .v4 ? "192.168.0.100/24" : "fd00::99/64" }
    }

    /// Tandem on machine1, FRR on machine2.
    private struct Pair {
        let lab: Lab
        let family: Family

        init(_ family: Family, tandem: Int) throws {
            lab = try Lab(seed: seedDirectory(), servesBackend: false)
            self.family = family
            try write(
                """
                vrrp_instance VI_1 {
                  interface eth0
                  version 3
                  virtual_router_id 77
                  priority \(tandem)
                  advert_int 1
                  virtual_ipaddress {
                    \(family.address)
                  }
                }

                """,
                to: lab.machine1.keepalivedFile
            )
        }

        func frr(priority: Int) throws -> FRRPeer {
            try FRRPeer(
                on: lab.machine2,
                virtualRouterID: 77,
                priority: priority,
                interval: 1000,
                address: family.address
            )
        }

        var tandemOwns: Bool {
            let shown = try? lab.machine1.namespace.ip(["address", "show", "dev", "eth0"]).output
            let bare = family.address.prefix { $0 != "/" }
            return shown?.contains(" \(bare)/") ?? false
        }

        func onlyTandem(beside peer: FRRPeer) -> Bool { tandemOwns && !peer.isOwner }
        func only(_ peer: FRRPeer) -> Bool { peer.isOwner && !tandemOwns }

        var report: String {
            [lab.machine1, lab.machine2].map { $0.logTail() }.joined(separator: "\n")
        }

        func measured(_ what: String, since began: Instant) {
            print("measured: FRR: \(family.rawValue): \(what) after \(text(Clock.now - began))")
        }
    }

    @Test(
        "Tandem preempts, hands over at its stop, and is followed when it is killed",
        arguments: Family.allCases
    )
    func tandemIsMaster(family: Family) throws {
        let pair = try Pair(family, tandem: 150)
        defer { pair.lab.tearDown() }
        let peer = try pair.frr(priority: 100)
        #expect(wait(.seconds(15)) { pair.only(peer) }, "\(pair.report)")

        var began = Clock.now
        var agent = try AgentProcess(on: pair.lab.machine1)
        #expect(wait(.seconds(8)) { pair.onlyTandem(beside: peer) }, "\(pair.report)")
        pair.measured("Tandem preempted", since: began)
        pause(.seconds(2))
        #expect(pair.onlyTandem(beside: peer), "\(pair.report)")
        #expect(!pair.lab.machine1.logged("dropped"), "\(pair.report)")

        began = Clock.now
        agent.signal(SIGTERM)
        #expect(wait(.seconds(3)) { pair.only(peer) }, "\(pair.report)")
        pair.measured("FRR followed Tandem's stop", since: began)
        #expect(agent.end(within: .seconds(3)) == .exited(0))

        agent = try AgentProcess(on: pair.lab.machine1)
        #expect(wait(.seconds(8)) { pair.onlyTandem(beside: peer) }, "\(pair.report)")
        began = Clock.now
        agent.signal(SIGKILL)
        #expect(wait(.seconds(6)) { pair.only(peer) }, "\(pair.report)")
        pair.measured("FRR followed Tandem's death", since: began)
    }

    @Test(
        "FRR preempts, is followed at its stop and when its machine dies",
        arguments: Family.allCases
    )
    func frrIsMaster(family: Family) throws {
        let pair = try Pair(family, tandem: 100)
        defer { pair.lab.tearDown() }
        let agent = try AgentProcess(on: pair.lab.machine1)
        #expect(wait(.seconds(8)) { pair.tandemOwns }, "\(pair.report)")

        var began = Clock.now
        var peer = try pair.frr(priority: 150)
        #expect(wait(.seconds(15)) { pair.only(peer) }, "\(pair.report)")
        pair.measured("FRR preempted", since: began)
        pause(.seconds(2))
        #expect(pair.only(peer), "\(pair.report)")

        began = Clock.now
        peer.stop()
        #expect(wait(.seconds(6)) { pair.tandemOwns }, "\(pair.report)")
        pair.measured("Tandem followed FRR's stop", since: began)

        peer = try pair.frr(priority: 150)
        #expect(wait(.seconds(15)) { pair.only(peer) }, "\(pair.report)")
        began = Clock.now
        peer.losePower()
        #expect(wait(.seconds(6)) { pair.tandemOwns }, "\(pair.report)")
        pair.measured("Tandem followed FRR's death", since: began)
        #expect(agent.isRunning)
    }
}
