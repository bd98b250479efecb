import CLinux
import Glibc
import LinuxIO
import Primitives
import Testing

/// Where connections go, compared with Debian's haproxy on the same configuration and the same clients.
@Suite(
    .serialized,
    .timeLimit(.minutes(2)),
    .enabled(if: access("/usr/sbin/haproxy", X_OK) == 0, "haproxy is not installed")
)
struct BalanceComparisonTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var lines: String
        /// What stands behind each server.
        var servers: [String]
        /// Connections stay open in this order: true opens one, false closes the oldest.
        var keepsOpen = false
        var threads = 1

        var testDescription: String { "\(lines), servers: \(servers), \(threads) threads" }
    }

    private static let plain = ["", "", ""]

    static let exact: [Case] = [
        Case(lines: "balance roundrobin", servers: plain),
        Case(lines: "balance roundrobin", servers: ["weight 3", "weight 1"]),
        Case(lines: "balance roundrobin", servers: ["weight 1", "weight 3"]),
        Case(lines: "balance roundrobin", servers: ["weight 5", "weight 3", "weight 2"]),
        Case(lines: "balance roundrobin", servers: ["weight 10", "weight 20", "weight 30"]),
        Case(lines: "balance roundrobin", servers: ["", "backup", "backup"]),
        Case(lines: "balance roundrobin", servers: ["disabled", "backup", "backup"]),
        Case(
            lines: "balance roundrobin\n option allbackups",
            servers: ["disabled", "backup", "backup"]
        ),
        Case(lines: "balance roundrobin", servers: ["weight 0", "", ""]),
        Case(lines: "balance roundrobin", servers: plain, threads: 4),
        Case(
            lines: "balance roundrobin",
            servers: ["weight 5", "weight 3", "weight 2"],
            threads: 4
        ),
        Case(lines: "balance static-rr", servers: plain, threads: 4),
        Case(lines: "balance static-rr", servers: plain),
        Case(lines: "balance static-rr", servers: ["weight 3", "weight 1"]),
        Case(lines: "balance static-rr", servers: ["weight 5", "weight 3", "weight 2"]),
        Case(lines: "balance leastconn", servers: plain),
        Case(lines: "balance leastconn", servers: plain, keepsOpen: true),
        Case(lines: "balance leastconn", servers: ["weight 3", "weight 1"], keepsOpen: true),
        Case(
            lines: "balance leastconn",
            servers: ["weight 1", "weight 2", "weight 4"],
            keepsOpen: true
        ),
        Case(
            lines: "balance first",
            servers: ["maxconn 2 id 30", "maxconn 2 id 10", "maxconn 99 id 20"],
            keepsOpen: true
        ),
        Case(
            lines: "balance first",
            servers: ["maxconn 2", "maxconn 2", "maxconn 99"],
            keepsOpen: true
        ),
        Case(lines: "balance source", servers: plain),
        Case(lines: "balance source", servers: ["weight 3", "weight 1", "weight 7"]),
        Case(lines: "balance source\n hash-type map-based sdbm avalanche", servers: plain),
        Case(lines: "balance source\n hash-type consistent", servers: plain),
        Case(
            lines: "balance source\n hash-type consistent",
            servers: ["weight 3", "weight 1", "weight 7", "disabled"]
        ),
        Case(
            lines: "balance source\n hash-type consistent djb2 avalanche",
            servers: ["id 77", "", "id 3 weight 4"]
        ),
    ]

    @Test("Connections go to the same servers in the same order", arguments: exact)
    func sameOrder(row: Case) throws {
        let placed = try place(row)
        let first = zip(placed.own, placed.other).enumerated().first { $1.0 != $1.1 }?.offset
        #expect(first == nil, "from connection \(first ?? 0) of \(placed.other.suffix(40))")
        #expect(Set(placed.own).count > 1 || row.servers[1] == "backup")
    }

    @Test(
        "Draws give the same shares",
        arguments: [
            Case(lines: "balance random", servers: ["weight 3", "weight 1"], keepsOpen: false)
        ]
    )
    func sameShares(row: Case) throws {
        let placed = try place(row, count: 800)
        for name in Set(placed.other) {
            let own = placed.own.count { $0 == name }
            let other = placed.other.count { $0 == name }
            print("\(name): \(own) of 800, haproxy \(other)")
            #expect(abs(own - other) < 120)
        }
    }

    /// The names of the servers that both proxies led a row of clients to.
    private func place(
        _ row: Case,
        count: Int = 120
    ) throws -> (own: [String], other: [String]) {
        let answers = Answers()
        try inLab { lab in
            let servers = try row.servers.indices.map { index in
                try NamedServer("s\(index)", port: 7301 + UInt16(index))
            }
            defer { for server in servers { server.stop() } }
            let lines = row.servers.enumerated().map { index, options in
                " server s\(index) 127.0.0.1:\(7301 + index) \(options)\n"
            }.joined()
            func sections(_ port: Int) -> String {
                "listen l\n bind 127.0.0.1:\(port)\n \(row.lines)\n\(lines)"
            }
            let single = "global\n nbthread \(row.threads)\n"
            try lab.start(single + sections(7201))
            lab.write(single + ProxyLab.haproxyDefaults + sections(7202), to: "other.cfg")
            var spawn = Spawn(
                path: "/usr/sbin/haproxy",
                arguments: ["haproxy", "-db", "-f", "\(lab.directory)/other.cfg"]
            )
            spawn.dieWithParent = true
            let haproxy = ChildProcessBox(try spawn.start())
            defer { haproxy.signal(SIGKILL) }
            try lab.waitForListener(7201)
            try lab.waitForListener(7202)
            answers.own = try row.walk(7201, count)
            answers.other = try row.walk(7202, count)
        }
        return (answers.own, answers.other)
    }
}

private final class Answers: @unchecked Sendable {
    var own: [String] = []
    var other: [String] = []
}

extension BalanceComparisonTests.Case {
    /// A row of clients, each from an address of its own; each is served before the next one comes.
    fileprivate func walk(_ port: UInt16, _ count: Int) throws -> [String] {
        var open: [Client] = []
        defer { for client in open { client.close() } }
        var random = SeededGenerator(seed: 4711)
        var names: [String] = []
        for number in 0..<count {
            let client = try Client(port: port, from: 0x7F00_0002 + UInt32(number * 7))
            let name = client.receive().map { String(decoding: $0, as: UTF8.self) } ?? "none"
            names.append(name)
            guard keepsOpen else {
                client.finishSending()
                while let rest = client.receive(), !rest.isEmpty {}
                client.close()
                usleep(1000)
                continue
            }
            open.append(client)
            // Some go, at places that are the same for both proxies.
            while open.count > 4, random.next() % 2 == 0 {
                let gone = open.remove(at: Int(random.next() % UInt64(open.count)))
                gone.finishSending()
                while let rest = gone.receive(), !rest.isEmpty {}
                gone.close()
                usleep(3000)
            }
        }
        return names
    }
}
