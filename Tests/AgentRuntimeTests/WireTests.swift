import Glibc
import NamespaceLab
import Primitives
import Testing

/// What an agent sends, as tshark reads it.
@Suite(
    "An agent's packets on the wire",
    .timeLimit(.minutes(2)),
    .enabled(if: geteuid() == 0, "network namespaces need root"),
    .enabled(if: access("/usr/bin/tshark", X_OK) == 0, "apt-get install tshark tcpdump ethtool")
)
struct WireTests {
    @Test("tshark has no complaint, over both versions and families, to groups and to peers")
    func withoutComplaint() throws {
        let root = seedDirectory().split(separator: "/").dropLast(3).reduce("") { $0 + "/" + $1 }
        let checked = try run(
            "/usr/bin/env",
            ["TANDEM_AGENT=\(productDirectory())/tandem-agent", root + "/scripts/check-wire"]
        )
        print(checked.output)
        #expect(checked.succeeded, "\(checked.output)")
        #expect(checked.lines.filter { $0.hasSuffix(" 0 complaints") }.count == 5)
    }
}
