import Primitives
import Supervision
import Testing
import VRRP

@testable import Messages

/// Version 1.0 of the link between supervisor and agent, byte for byte.
@Suite("Frames of the agent's link")
struct AgentFramesTests {
    static let agentToSupervisorFrames: [Golden<AgentToSupervisor>] = [
        Golden(
            .hello(Hello(role: .agent, pid: 4711, build: "0.1.0")),
            """
            0100 | kind 1
            01 | role
            67120000 | pid 4711
            0500302e312e30 | build "0.1.0"
            """
        ),
        Golden(
            .router(Samples.router),
            """
            0200 | kind 2
            040056495f31 | name "VI_1"
            02 | state MASTER
            040065746830 | interface "eth0"
            33 | virtual router 51
            65 | base priority 101
            67 | priority 103
            010010003139322e3136382e302e3130302f3332 | 1 address, "192.168.0.100/32"
            00002a36fe9c9717 | since, ns of 1970
            01 | a peer was heard
            04 | four octets
            c0a80002 | 192.168.0.2
            66 | its priority
            84030000 | 900 ms ago
            0700000000000000 | 7 packets dropped
            """
        ),
        Golden(
            .router(Samples.bareRouter),
            """
            0200 | kind 2
            040056495f32 | name "VI_2"
            03 | state FAULT
            0000 | no interface name
            ff | virtual router 255
            01 | base priority 1
            00 | priority 0
            0000 | no address
            0000000000000000 | since
            00 | no peer was heard
            00 | no priority of it
            00000000 | no time of it
            0000000000000000 | nothing dropped
            """
        ),
        Golden(
            .transition(RouterChange(router: "VI_1", from: .backup, to: .active, reason: "due")),
            """
            0300 | kind 3
            040056495f31 | router "VI_1"
            01 | from BACKUP
            02 | to MASTER
            0300647565 | reason "due"
            """
        ),
        Golden(
            .transition(RouterChange(router: "VI_1", from: .initialize, to: .fault, reason: "")),
            """
            0300 | kind 3
            040056495f31 | router "VI_1"
            00 | from INIT
            03 | to FAULT
            0000 | no reason
            """
        ),
        Golden(
            .peerHeard(router: "VI_1", address: IPAddress(192, 168, 0, 2), priority: 102),
            """
            0400 | kind 4
            040056495f31 | router "VI_1"
            04 | four octets
            c0a80002 | 192.168.0.2
            66 | priority 102
            """
        ),
        Golden(
            .reloadFinished(succeeded: false, text: "line 3"),
            """
            0500 | kind 5
            00 | failed
            06006c696e652033 | "line 3"
            """
        ),
        Golden(
            .routerRemoved(name: "VI_1"),
            """
            0600 | kind 6
            040056495f31 | "VI_1"
            """
        ),
        Golden(
            .detail(request: 9, Samples.detail),
            """
            0700 | kind 7
            0900000000000000 | request 9
            040056495f31 | name "VI_1"
            02 | state MASTER
            040065746830 | interface "eth0"
            33 | virtual router 51
            65 | base priority 101
            67 | priority 103
            010010003139322e3136382e302e3130302f3332 | 1 address
            00002a36fe9c9717 | since, ns of 1970
            01 | a peer was heard
            04 | four octets
            c0a80002 | 192.168.0.2
            66 | its priority
            84030000 | 900 ms ago
            0700000000000000 | 7 packets dropped
            02 | version 2
            14006d756c746963617374203232342e302e302e3138 | transport
            01 | there is a source
            04 | four octets
            c0a80001 | 192.168.0.1
            010047 | group "G"
            1300313031202b2032202863686b29203d20313033 | arithmetic
            01 | it preempts
            fa000000 | after 250 ms
            40420f00 | advertisement
            40420f00 | the MASTER's
            981e0900 | skew
            58e53600 | master-down
            01 | a timer runs
            801a0600 | for 400 ms more
            0100 | 1 weight
            030063686b | "chk"
            0600736372697074 | "script"
            0200 | weight 2
            feff | counts -2
            01 | succeeded
            01000400646f776e | 1 fault
            0100010077 | 1 awaited
            0100 | 1 peer
            04 | four octets
            c0a80002 | 192.168.0.2
            66 | priority 102
            84030000 | 900 ms ago
            0100 | 1 counter
            040073656e74 | "sent"
            0500000000000000 | 5
            0100 | 1 reason
            030074746c | "ttl"
            0600000000000000 | 6
            """
        ),
        Golden(
            .described(request: 9),
            """
            0800 | kind 8
            0900000000000000 | request 9
            """
        ),
        Golden(
            .noted(subject: "VI_1", event: "e", decision: "de", reason: "why"),
            """
            0900 | kind 9
            040056495f31 | "VI_1"
            010065 | "e"
            02006465 | "de"
            0300776879 | "why"
            """
        ),
        Golden(
            .rows(
                request: 9,
                RouterRows(router: "VI_1", rows: [RouterRows.Row("memory", "locked")])
            ),
            """
            0a00 | kind 10
            0900000000000000 | request 9
            040056495f31 | router "VI_1"
            0100 | one row
            06006d656d6f7279 | "memory"
            06006c6f636b6564 | "locked"
            """
        ),
    ]

    @Test("AgentToSupervisor: each message has these bytes", arguments: agentToSupervisorFrames)
    func agentToSupervisor(golden: Golden<AgentToSupervisor>) throws {
        try golden.check()
    }

    @Test("AgentToSupervisor: every kind is pinned, and kind 10 is none of its own")
    func agentToSupervisorKinds() throws {
        try Golden.checkKinds(of: Self.agentToSupervisorFrames, count: 10)
    }

    static let supervisorToAgentFrames: [Golden<SupervisorToAgent>] = [
        Golden(
            .hello(Hello(role: .supervisor, pid: 1, build: "0.1.0")),
            """
            0100 | kind 1
            03 | role
            01000000 | pid 1
            0500302e312e30 | build "0.1.0"
            """
        ),
        Golden(
            .lease(Lease(duration: .seconds(1), standing: .full, proxyHealthy: true)),
            """
            0200 | kind 2
            e8030000 | 1000 ms
            01 | full standing
            01 | proxy healthy
            """
        ),
        Golden(
            .lease(Lease(duration: .zero, standing: .lastResort, proxyHealthy: false)),
            """
            0200 | kind 2
            00000000 | 0 ms
            02 | last resort
            00 | proxy not healthy
            """
        ),
        Golden(
            .stepDown(.proxyHung, hold: .seconds(5)),
            """
            0300 | kind 3
            01 | proxyHung
            88130000 | hold 5000 ms
            """
        ),
        Golden(
            .stepDown(.proxyNotRestarted, hold: .seconds(5)),
            """
            0300 | kind 3
            02 | proxyNotRestarted
            88130000 | hold 5000 ms
            """
        ),
        Golden(
            .stepDown(.proxyFatal, hold: .seconds(5)),
            """
            0300 | kind 3
            03 | proxyFatal
            88130000 | hold 5000 ms
            """
        ),
        Golden(
            .stepDown(.proxyStopped, hold: .seconds(5)),
            """
            0300 | kind 3
            04 | proxyStopped
            88130000 | hold 5000 ms
            """
        ),
        Golden(
            .stepDown(.noServers, hold: .seconds(5)),
            """
            0300 | kind 3
            05 | noServers
            88130000 | hold 5000 ms
            """
        ),
        Golden(
            .stepDown(.operatorRequest, hold: .seconds(5)),
            """
            0300 | kind 3
            06 | operatorRequest
            88130000 | hold 5000 ms
            """
        ),
        Golden(
            .stepDown(.shutdown, hold: .seconds(5)),
            """
            0300 | kind 3
            07 | shutdown
            88130000 | hold 5000 ms
            """
        ),
        Golden(
            .reload,
            """
            0400 | kind 4
            """
        ),
        Golden(
            .report,
            """
            0500 | kind 5
            """
        ),
        Golden(
            .describe(request: 9, name: nil),
            """
            0600 | kind 6
            0900000000000000 | request 9
            0000 | no name
            """
        ),
        Golden(
            .describe(request: 9, name: "VI_1"),
            """
            0600 | kind 6
            0900000000000000 | request 9
            0100040056495f31 | "VI_1"
            """
        ),
    ]

    @Test("SupervisorToAgent: each message has these bytes", arguments: supervisorToAgentFrames)
    func supervisorToAgent(golden: Golden<SupervisorToAgent>) throws {
        try golden.check()
    }

    @Test("SupervisorToAgent: every kind is pinned, and kind 7 is none of its own")
    func supervisorToAgentKinds() throws {
        try Golden.checkKinds(of: Self.supervisorToAgentFrames, count: 6)
    }
}
