import Primitives
import Supervision
import Testing
import VRRP

@testable import Messages

/// Version 1.0 of the link between supervisor and proxy, byte for byte.
@Suite("Frames of the proxy's link")
struct ProxyFramesTests {
    static let proxyToSupervisorFrames: [Golden<ProxyToSupervisor>] = [
        Golden(
            .hello(Hello(role: .proxy, pid: 4711, build: "0.1.0")),
            """
            0100 | kind 1
            02 | role
            67120000 | pid 4711
            0500302e312e30 | build "0.1.0"
            """
        ),
        Golden(
            .beat(Beat(turns: 0x0102_0304_0506_0708, loops: 2, sessions: 65_536)),
            """
            0200 | kind 2
            0807060504030201 | turns
            0200 | 2 loops
            00000100 | 65,536 sessions
            """
        ),
        Golden(
            .health(Samples.health),
            """
            0300 | kind 3
            01 | ready
            0100 | 1 listener
            0200 | 2 usable servers
            0300 | of 3
            0400 | 4 proxies without server
            0500 | of 5
            """
        ),
        Golden(
            .reloadFinished(succeeded: true, text: "ok"),
            """
            0400 | kind 4
            01 | succeeded
            02006f6b | "ok"
            """
        ),
        Golden(
            .refreshFinished(usableServers: 258),
            """
            0500 | kind 5
            0201 | 258 usable servers
            """
        ),
        Golden(
            .stopping,
            """
            0600 | kind 6
            """
        ),
        Golden(
            .proxy(request: 42, TrafficSamples.proxy),
            "0700 | kind 7\n2a00000000000000 | request 42\n" + TrafficSamples.proxyBytes
        ),
        Golden(
            .traffic(request: 42, TrafficSamples.server),
            "0800 | kind 8\n2a00000000000000 | request 42\n" + TrafficSamples.serverBytes
        ),
        Golden(
            .described(request: 42, next: 64, found: true),
            """
            0900 | kind 9
            2a00000000000000 | request 42
            40000000 | the next from 64
            01 | found
            """
        ),
        Golden(
            .draining(sessions: 258, limit: .seconds(300)),
            """
            0a00 | kind 10
            02010000 | 258 sessions
            e0930400 | 300 s
            """
        ),
    ]

    @Test("ProxyToSupervisor: each message has these bytes", arguments: proxyToSupervisorFrames)
    func proxyToSupervisor(golden: Golden<ProxyToSupervisor>) throws {
        try golden.check()
    }

    @Test("ProxyToSupervisor: every kind is pinned, and kind 11 is none of its own")
    func proxyToSupervisorKinds() throws {
        try Golden.checkKinds(of: Self.proxyToSupervisorFrames, count: 10)
    }

    static let supervisorToProxyFrames: [Golden<SupervisorToProxy>] = [
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
            .refresh,
            """
            0200 | kind 2
            """
        ),
        Golden(
            .reload,
            """
            0300 | kind 3
            """
        ),
        Golden(
            .describe(request: 42, name: nil, from: 0),
            """
            0400 | kind 4
            2a00000000000000 | request 42
            0000 | no name
            00000000 | from the first
            """
        ),
        Golden(
            .describe(request: 42, name: "b/s", from: 64),
            """
            0400 | kind 4
            2a00000000000000 | request 42
            01000300622f73 | "b/s"
            40000000 | from 64
            """
        ),
        Golden(
            .pauseAccepting(.seconds(2)),
            """
            0500 | kind 5
            d0070000 | 2 s at most
            """
        ),
        Golden(
            .resumeAccepting,
            """
            0600 | kind 6
            """
        ),
        Golden(
            .drain(.seconds(3)),
            """
            0700 | kind 7
            b80b0000 | a stop follows within 3 s
            """
        ),
    ]

    @Test("SupervisorToProxy: each message has these bytes", arguments: supervisorToProxyFrames)
    func supervisorToProxy(golden: Golden<SupervisorToProxy>) throws {
        try golden.check()
    }

    @Test("SupervisorToProxy: every kind is pinned, and kind 8 is none of its own")
    func supervisorToProxyKinds() throws {
        try Golden.checkKinds(of: Self.supervisorToProxyFrames, count: 7)
    }
}
