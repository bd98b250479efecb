import Primitives
import Testing

@testable import VRRP

@Suite("The forecast for a pair")
struct PairForecastTests {
    struct Row: CustomTestStringConvertible, Sendable {
        var priority: UInt8
        var weight: Int
        var peerPriority: UInt8 = 100
        var peerTracks = true
        var preempt = true
        var sentence: String
        var returns = false
        var testDescription: String { sentence }
    }

    static func settings(_ priority: UInt8, weight: Int?, preempt: Bool = true) -> RouterSettings {
        var settings = RouterFixture.settings
        settings.basePriority = priority
        settings.preempt = preempt
        settings.tracks = weight.map { [Track(subject: RouterFixture.script, weight: $0)] } ?? []
        return settings
    }

    @Test(
        "says in a sentence what a failed check does",
        arguments: [
            Row(
                priority: 101,
                weight: 2,
                sentence: "if chk_haproxy fails here, the VIP moves after 3.0 s: "
                    + "101 is below the peer's 100 + 2",
                returns: true
            ),
            Row(
                priority: 150,
                weight: -2,
                sentence: "if chk_haproxy fails here, the VIP does not move: "
                    + "150 - 2 is still above the peer's 100"
            ),
            Row(
                priority: 101,
                weight: 0,
                sentence: "if chk_haproxy fails here, the VIP moves after 0.6 s: "
                    + "this node goes to FAULT",
                returns: true
            ),
            Row(
                priority: 101,
                weight: -20,
                preempt: false,
                sentence: "if chk_haproxy fails here, the VIP does not move: 101 - 20 is below "
                    + "the peer's 100, but the peer does not preempt (nopreempt)"
            ),
            Row(
                priority: 102,
                weight: -2,
                sentence: "if chk_haproxy fails here, the VIP does not move: "
                    + "102 - 2 is not below the peer's 100"
            ),
            Row(
                priority: 90,
                weight: 2,
                sentence: "if chk_haproxy fails here, nothing moves: while both nodes are well, "
                    + "the peer is MASTER with 100 + 2 against 90 + 2"
            ),
        ]
    )
    func sentences(row: Row) {
        let forecast = PairForecast(
            of: RouterFixture.script,
            on: Self.settings(row.priority, weight: row.weight),
            peer: Self.settings(row.peerPriority, weight: row.weight, preempt: row.preempt)
        )
        #expect(forecast.description == row.sentence)
        #expect(forecast.returns == row.returns)
    }

    @Test("nodes that drop each other's packets are two MASTERs")
    func split() {
        var peer = Self.settings(100, weight: 2)
        peer.advertisementInterval = .seconds(2)
        let forecast = PairForecast(
            of: RouterFixture.script,
            on: Self.settings(101, weight: 2),
            peer: peer
        )
        #expect(forecast.outcome == .split(.interval))
    }

    @Test(
        "a file on its own is judged against the usual peer",
        arguments: [(101, 100), (100, 99), (1, 1)]
    )
    func assumedPeer(priority: UInt8, peer: UInt8) {
        let settings = Self.settings(priority, weight: 2)
        #expect(PairForecast.assumedPeer(of: settings).basePriority == peer)
        #expect(PairForecast.all(for: settings, peer: settings).count == 1)
    }

    // MARK: Tracked files

    private func sentences(weight: Int, reversed: Bool = false) -> [String] {
        var node = Self.settings(150, weight: nil)
        node.tracks = [Track(subject: .file("maint"), weight: weight, reversed: reversed)]
        return PairForecast.all(for: node, peer: Self.settings(100, weight: nil)).map { forecast in
            let parts = forecast.description.split(separator: " moves after ", maxSplits: 1)
            guard parts.count == 2 else { return forecast.description }
            return parts[0] + " moves" + parts[1].drop { $0 != ":" }
        }
    }

    @Test(
        "A tracked file is a number, not a success",
        arguments: [
            (
                -60, false,
                [
                    "if maint holds 1 here, the VIP moves: 150 - 60 is below the peer's 100",
                    "if maint holds 5 here, the VIP moves: this node goes to FAULT",
                ]
            ),
            (
                -1, false,
                [
                    "if maint holds 1 here, the VIP does not move: 150 - 1 is still above the peer's 100",
                    "if maint holds 254 here, the VIP moves: this node goes to FAULT",
                ]
            ),
            (
                1, false,
                [
                    "if maint holds -1 here, the VIP does not move: 150 - 1 is still above the peer's "
                        + "100",
                    "if maint holds -254 here, the VIP moves: this node goes to FAULT",
                ]
            ),
            (
                2, true,
                [
                    "if maint holds 1 here, the VIP does not move: 150 - 2 is still above the peer's 100",
                    "if maint holds 127 here, the VIP moves: this node goes to FAULT",
                ]
            ),
            (-254, false, ["if maint holds 1 here, the VIP moves: this node goes to FAULT"]),
            (0, false, ["if maint holds 1 here, the VIP moves: this node goes to FAULT"]),
            (0, true, ["if maint holds 0 here, the VIP moves: this node goes to FAULT"]),
        ]
    )
    func files(weight: Int, reversed: Bool, expected: [String]) {
        #expect(sentences(weight: weight, reversed: reversed) == expected)
    }
}
