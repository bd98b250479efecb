import Primitives
import Supervision
import Testing
import VRRP

@testable import Messages

/// Version 1.0 of the link between tandemctl and supervisor, byte for byte.
@Suite("Frames of tandemctl's link")
struct ControlFramesTests {
    static let controlRequestFrames: [Golden<ControlRequest>] = [
        Golden(
            .status(names: []),
            """
            0100 | kind 1
            0000 | no name
            """
        ),
        Golden(
            .status(names: ["agent", "proxy"]),
            """
            0100 | kind 1
            0200 | 2 names
            05006167656e74 | "agent"
            050070726f7879 | "proxy"
            """
        ),
        Golden(
            .start(names: ["proxy"]),
            """
            0200 | kind 2
            0100050070726f7879 | 1 name, "proxy"
            """
        ),
        Golden(
            .stop(names: ["proxy"]),
            """
            0300 | kind 3
            0100050070726f7879 | 1 name, "proxy"
            """
        ),
        Golden(
            .restart(names: ["proxy"]),
            """
            0400 | kind 4
            0100050070726f7879 | 1 name, "proxy"
            """
        ),
        Golden(
            .reload,
            """
            0500 | kind 5
            """
        ),
        Golden(
            .failover,
            """
            0600 | kind 6
            """
        ),
        Golden(
            .tail(name: "proxy", bytes: 1600, follow: true),
            """
            0700 | kind 7
            050070726f7879 | "proxy"
            40060000 | 1,600 bytes
            01 | follow
            """
        ),
        Golden(
            .pid(name: nil),
            """
            0800 | kind 8
            0000 | no name
            """
        ),
        Golden(
            .pid(name: "agent"),
            """
            0800 | kind 8
            010005006167656e74 | 1 name, "agent"
            """
        ),
        Golden(
            .why(count: 20),
            """
            0900 | kind 9
            14000000 | 20 decisions
            """
        ),
        Golden(
            .version,
            """
            0a00 | kind 10
            """
        ),
        Golden(
            .shutdown,
            """
            0b00 | kind 11
            """
        ),
        Golden(
            .vrrp(name: nil),
            """
            0c00 | kind 12
            0000 | no name
            """
        ),
        Golden(
            .vrrp(name: "VI_1"),
            """
            0c00 | kind 12
            0100040056495f31 | "VI_1"
            """
        ),
        Golden(
            .proxy(name: nil),
            """
            0d00 | kind 13
            0000 | no name
            """
        ),
        Golden(
            .proxy(name: "b/s"),
            """
            0d00 | kind 13
            01000300622f73 | "b/s"
            """
        ),
    ]

    @Test("ControlRequest: each message has these bytes", arguments: controlRequestFrames)
    func controlRequest(golden: Golden<ControlRequest>) throws {
        try golden.check()
    }

    @Test("ControlRequest: every kind is pinned, and kind 14 is none of its own")
    func controlRequestKinds() throws {
        try Golden.checkKinds(of: Self.controlRequestFrames, count: 13)
    }
}
