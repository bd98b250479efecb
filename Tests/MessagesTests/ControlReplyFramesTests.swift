import Primitives
import Supervision
import Testing
import VRRP

@testable import Messages

/// Version 1.0 of the link between tandemctl and supervisor, byte for byte.
@Suite("Frames that answer tandemctl")
struct ControlReplyFramesTests {
    static let controlReplyFrames: [Golden<ControlReply>] = [
        Golden(
            .process(Samples.process),
            """
            0100 | kind 1
            050070726f7879 | name "proxy"
            14 | RUNNING
            67120000 | pid 4711
            48ee000000000000 | 61,000 ms
            02000000 | 2 restarts
            0000 | no detail
            """
        ),
        Golden(
            .process(
                ProcessReport(
                    name: "a",
                    state: .stopped,
                    pid: 0,
                    uptimeMilliseconds: 0,
                    restarts: 0
                )
            ),
            """
            0100 | kind 1
            010061 | name "a"
            00 | STOPPED
            00000000 | no pid
            0000000000000000 | 0 ms
            00000000 | no restart
            0000 | no detail
            """
        ),
        Golden(
            .process(
                ProcessReport(
                    name: "a",
                    state: .starting,
                    pid: 0,
                    uptimeMilliseconds: 0,
                    restarts: 0
                )
            ),
            """
            0100 | kind 1
            010061 | name "a"
            0a | STARTING
            00000000 | no pid
            0000000000000000 | 0 ms
            00000000 | no restart
            0000 | no detail
            """
        ),
        Golden(
            .process(
                ProcessReport(
                    name: "a",
                    state: .backoff,
                    pid: 0,
                    uptimeMilliseconds: 0,
                    restarts: 0
                )
            ),
            """
            0100 | kind 1
            010061 | name "a"
            1e | BACKOFF
            00000000 | no pid
            0000000000000000 | 0 ms
            00000000 | no restart
            0000 | no detail
            """
        ),
        Golden(
            .process(
                ProcessReport(
                    name: "a",
                    state: .stopping,
                    pid: 0,
                    uptimeMilliseconds: 0,
                    restarts: 0
                )
            ),
            """
            0100 | kind 1
            010061 | name "a"
            28 | STOPPING
            00000000 | no pid
            0000000000000000 | 0 ms
            00000000 | no restart
            0000 | no detail
            """
        ),
        Golden(
            .process(
                ProcessReport(name: "a", state: .exited, pid: 0, uptimeMilliseconds: 0, restarts: 0)
            ),
            """
            0100 | kind 1
            010061 | name "a"
            64 | EXITED
            00000000 | no pid
            0000000000000000 | 0 ms
            00000000 | no restart
            0000 | no detail
            """
        ),
        Golden(
            .process(
                ProcessReport(name: "a", state: .fatal, pid: 0, uptimeMilliseconds: 0, restarts: 0)
            ),
            """
            0100 | kind 1
            010061 | name "a"
            c8 | FATAL
            00000000 | no pid
            0000000000000000 | 0 ms
            00000000 | no restart
            0000 | no detail
            """
        ),
        Golden(
            .process(
                ProcessReport(
                    name: "a",
                    state: .unknown,
                    pid: 0,
                    uptimeMilliseconds: 0,
                    restarts: 0
                )
            ),
            """
            0100 | kind 1
            010061 | name "a"
            ff | UNKNOWN
            00000000 | no pid
            0000000000000000 | 0 ms
            00000000 | no restart
            0000 | no detail
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
            .journal(Samples.entry),
            """
            0300 | kind 3
            00002a36fe9c9717 | ns of 1970
            0201000000000000 | incident 258
            0a0070726f78792064696564 | event "proxy died"
            070072657374617274 | decision "restart"
            060031206f662033 | reason "1 of 3"
            """
        ),
        Golden(
            .output([0x41, 0x0A, 0xFF]),
            """
            0400 | kind 4
            0300 | 3 bytes
            410aff | raw
            """
        ),
        Golden(
            .result(name: "proxy", outcome: .done, text: "x"),
            """
            0500 | kind 5
            050070726f7879 | "proxy"
            00 | done
            010078 | "x"
            """
        ),
        Golden(
            .result(name: "proxy", outcome: .failed, text: "x"),
            """
            0500 | kind 5
            050070726f7879 | "proxy"
            01 | failed
            010078 | "x"
            """
        ),
        Golden(
            .result(name: "proxy", outcome: .noSuchName, text: "x"),
            """
            0500 | kind 5
            050070726f7879 | "proxy"
            02 | noSuchName
            010078 | "x"
            """
        ),
        Golden(
            .result(name: "proxy", outcome: .refused, text: "x"),
            """
            0500 | kind 5
            050070726f7879 | "proxy"
            03 | refused
            010078 | "x"
            """
        ),
        Golden(
            .end,
            """
            0600 | kind 6
            """
        ),
        Golden(
            .detail(Samples.detail),
            """
            0700 | kind 7
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
            .detail(Samples.bareDetail),
            """
            0700 | kind 7
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
            03 | version 3
            0000 | no transport
            00 | no source
            0000 | no group
            0000 | no arithmetic
            00 | it does not preempt
            00000000 | no delay
            00000000 | no advertisement
            00000000 | no MASTER's
            00000000 | no skew
            00000000 | no master-down
            00 | no timer runs
            0000 | no weight
            0000 | no fault
            0000 | no awaited check
            0000 | no peer
            0000 | no counter
            0000 | no reason
            """
        ),
        Golden(.proxy(TrafficSamples.proxy), "0800 | kind 8\n" + TrafficSamples.proxyBytes),
        Golden(
            .rows(RouterRows(router: "VI_1", rows: [RouterRows.Row("memory", "locked")])),
            """
            0a00 | kind 10
            040056495f31 | router "VI_1"
            0100 | one row
            06006d656d6f7279 | "memory"
            06006c6f636b6564 | "locked"
            """
        ),
        Golden(.traffic(TrafficSamples.server), "0900 | kind 9\n" + TrafficSamples.serverBytes),
        Golden(
            .traffic(TrafficSamples.frontend),
            "0900 | kind 9\n" + TrafficSamples.frontendBytes
        ),
    ]

    @Test("ControlReply: each message has these bytes", arguments: controlReplyFrames)
    func controlReply(golden: Golden<ControlReply>) throws {
        try golden.check()
    }

    @Test("ControlReply: every kind is pinned, and kind 10 is none of its own")
    func controlReplyKinds() throws {
        try Golden.checkKinds(of: Self.controlReplyFrames, count: 10)
    }
}
