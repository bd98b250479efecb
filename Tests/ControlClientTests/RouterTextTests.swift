import Messages
import Primitives
import Testing
import VRRP

@testable import ControlClient

@Suite("A router in full, for people")
struct RouterTextTests {
    private static func detail() -> RouterDetail {
        RouterDetail(
            report: routerReport,
            version: 2,
            transport: "multicast 224.0.0.18",
            source: IPAddress(192, 168, 0, 193),
            group: "",
            arithmetic: "101 + 2 (chk_haproxy) = 103",
            preempts: true,
            preemptDelayMilliseconds: 0,
            timers: RouterDetail.Timers(
                advertisement: 1_000_000,
                activeAdvertisement: 1_000_000,
                skew: 597_656,
                masterDown: 3_597_656,
                next: 400_000
            ),
            weights: [
                RouterDetail.Weight(
                    name: "chk_haproxy",
                    kind: "script",
                    weight: 2,
                    amount: 2,
                    outcome: .succeeded
                )
            ],
            faults: [],
            awaited: [],
            peers: [],
            counters: [
                RouterDetail.Count("advertisements-sent", 12), RouterDetail.Count("stalls", 0),
            ],
            drops: [RouterDetail.Count("password", 3)]
        )
    }

    private static func values(_ detail: RouterDetail) -> [String: String] {
        let rows = RouterText.lines(detail).dropFirst().map { line in
            let name = line.drop { $0 == " " }.prefix { $0 != " " }
            return (String(name), String(line.dropFirst(30)))
        }
        return Dictionary(rows, uniquingKeysWith: { $0 + "; " + $1 })
    }

    @Test("It says where the priority comes from, what the timers are and who was heard")
    func text() {
        let values = Self.values(Self.detail())
        #expect(values["router"] == "VRRPv2, VRID 51 on eth0")
        #expect(values["sends"] == "multicast 224.0.0.18, from 192.168.0.193")
        #expect(values["priority"] == "101 + 2 (chk_haproxy) = 103 (base 101)")
        #expect(values["tracks"] == "script chk_haproxy succeeds: weight 2, +2 now")
        #expect(
            values["timers"]
                == "advertisement every 1 s, skew 597.65 ms, master-down 3.597 s, next in 400 ms"
        )
        #expect(values["heard"] == "no advertisement of another router, ever")
        #expect(values["dropped"] == "3 for password")
        #expect(values["advertisements-sent"] == "12")
        #expect(values["stalls"] == nil)
    }

    @Test("A learned interval, a fault, a delayed preemption and a peer are told")
    func others() {
        var detail = Self.detail()
        detail.timers.activeAdvertisement = 10_000
        detail.faults = ["the interface is down"]
        detail.awaited = ["chk"]
        detail.preemptDelayMilliseconds = 2500
        detail.source = nil
        detail.peers = [
            RouterDetail.Peer(
                address: .v6(.any),
                priority: 100,
                heardMillisecondsAgo: 1250
            )
        ]
        let values = Self.values(detail)
        #expect(values["timers"]?.contains("the MASTER's every 10 ms") == true)
        #expect(values["fault"] == "the interface is down")
        #expect(values["awaits"] == "the first report of chk")
        #expect(values["preempts"] == "yes, after 2.5 s")
        #expect(values["heard"] == ":: with priority 100, 1.25 s ago")
        #expect(values["sends"] == "multicast 224.0.0.18, nothing: there is no source address")
        detail.preempts = false
        #expect(Self.values(detail)["preempts"] == "no (nopreempt)")
    }

    @Test("What has no field is told in lines of its own, and a file by its number")
    func rows() {
        var detail = Self.detail()
        detail.weights[0].kind = "file"
        detail.drops.append(RouterDetail.Count("virtual-router-id", 4))
        let lines = RouterText.lines(detail, [RouterRows.Row("memory", "locked")])
        #expect(lines.contains { $0.hasPrefix("    memory ") && $0.hasSuffix(" locked") })
        #expect(lines.contains { $0.hasSuffix("file chk_haproxy is read: weight 2, +2 now") })
        #expect(Self.values(detail)["dropped"] == "3 for password")
        #expect(Self.values(detail)["ignored"] == "4 for virtual-router-id")
    }

    @Test("A router that has never heard another one says so in the status")
    func neverHeard() {
        var report = routerReport
        report.state = .active
        report.peer = nil
        #expect(StatusTable.description(report).contains("no other router was ever heard"))
        report.peer = IPAddress(192, 168, 0, 192)
        #expect(!StatusTable.description(report).contains("ever heard"))
    }

    @Test(
        "Durations are as long as they are exact",
        arguments: [
            (0, "0 s"), (9, "0 ms"), (6_093, "6.09 ms"), (999_999, "999.99 ms"),
            (1_000_000, "1 s"), (3_605_468, "3.605 s"), (61_500_000, "61.5 s"),
        ] as [(UInt64, String)]
    )
    func durations(microseconds: UInt64, text: String) {
        #expect(TimeText.seconds(microseconds: microseconds) == text)
    }
}
