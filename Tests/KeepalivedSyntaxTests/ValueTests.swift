import KeepalivedSyntax
import Primitives
import Testing
import VRRP

/// Values that keepalived 2.2.7 does not take as they stand, and what it uses in their place.
@Suite struct ValueTests {
    private func router(_ body: String, scripts: String = "") throws -> RouterSettings {
        let parsed = parse(instance(body, scripts: scripts))
        return try #require(
            parsed.configuration?.routers.first,
            "\(parsed.diagnostics.map(\.description))"
        )
    }

    @Test(
        "BACKUP behind MASTER does not count; MASTER behind BACKUP does",
        arguments: [
            ("state MASTER\nstate BACKUP", 255), ("state BACKUP\nstate MASTER", 255),
            ("state SLAVE\nstate MASTER", 255), ("state MASTER\nstate SLAVE", 100),
        ] as [(String, UInt8)]
    )
    func states(body: String, priority: UInt8) throws {
        #expect(try router(body).basePriority == priority)
        let said = said(instance("state MASTER\nstate BACKUP\npriority 101"))
        #expect(
            said == [
                "k.conf:9: warning: 'state BACKUP' behind 'state MASTER' is not used, as in keepalived "
                    + "(remove one)"
            ]
        )
    }

    @Test("An interval of version 3 outside of 0.01 to 255 is 1 second, and 40.95 at most")
    func version3Intervals() throws {
        let intervals = try ["0.001", "0.01", "40.95", "41", "255", "256"].map { text in
            try router("version 3\nadvert_int \(text)").advertisementInterval
        }
        #expect(
            intervals == [
                .seconds(1), .milliseconds(10), .milliseconds(40950), .milliseconds(40950),
                .milliseconds(40950), .seconds(1),
            ]
        )
    }

    @Test("A weight out of its range does not count: the one that the tracked thing has does")
    func weights() throws {
        let defined =
            checkScript + "\nvrrp_script s {\nscript \"/usr/local/bin/check\"\nweight 7\n}\n"
            + "vrrp_track_process p {\nprocess foo\nweight 300\n}\n"
            + "track_file f {\nfile /run/f\nweight -300\n}\n"
        let router = try router(
            "track_script {\ncheck weight -300\ns weight 300\n}\ntrack_interface { eth1 weight 300 }\n"
                + "track_process { p }\ntrack_file { f }",
            scripts: defined
        )
        #expect(router.tracks.map(\.weight) == [0, 7, 0, 0, 1])
        let narrow = try self.router(
            "track_script { check weight -254 }",
            scripts: checkScript
        )
        #expect(narrow.tracks.map(\.weight) == [-253])
        #expect(
            said(instance("track_script {\ncheck weight -300\n}", scripts: checkScript)) == [
                "k.conf:11: warning: weight -300 is outside of -253 to 253 and does not count, as in "
                    + "keepalived (write -253 to 253)"
            ]
        )
    }

    @Test("A rival may be answered by no announcement, and a burst may be of more than 255")
    func bursts() throws {
        let router = try router(
            "garp_lower_prio_repeat 0\ngarp_master_repeat 300\ngarp_master_refresh_repeat 300"
        )
        #expect(router.announcementsPerAnswer == 0)
        #expect(router.announcementsPerBurst == 300)
        #expect(router.announcementsPerRefresh == 300)
        #expect(try self.router("garp_master_repeat 0").announcementsPerBurst == 1)
        #expect(said(instance("garp_lower_prio_repeat 0\ngarp_master_repeat 300")) == [])
    }

    @Test("The length behind a peer's address is left out")
    func peerLength() throws {
        let parsed = parse(
            instance("unicast_src_ip 192.0.2.1\nunicast_peer {\n192.0.2.104/24 min_ttl 255\n}")
        )
        guard case .unicast(let peers, _, _)? = parsed.configuration?.routers.first?.transport
        else {
            Issue.record("\(parsed.diagnostics.map(\.description))")
            return
        }
        #expect(peers.map(\.address) == [IPAddress(192, 0, 2, 104)])
        #expect(peers.first?.timeToLive == 255...255)
        #expect(
            parsed.diagnostics.map(\.description) == [
                "k.conf:10: warning: the length of '192.0.2.104/24' has no meaning for a peer "
                    + "(write 192.0.2.104)"
            ]
        )
        #expect(said(instance("unicast_peer {\n192.0.2.104/33\n}")).count == 1)
    }
}
