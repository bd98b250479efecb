import Glibc
import LinuxIO
import NamespaceLab
import Primitives
import Testing

extension EndToEnd {
    /// The founding document, by its own two commands: both up; stop the proxy; start it again.
    @Suite struct DocumentTests {
        @Test(
            "Both up: the VIP is on machine1 only, as the document shows it, and a client is answered",
            .timeLimit(.minutes(3))
        )
        func bothUp() throws {
            try withPair { lab in
                let settled = Clock.now
                let shown = try lab.machine1.namespace.ip(["address", "show", "eth0"]).output
                #expect(shown.contains("inet 192.168.0.193/24 brd 192.168.0.255 scope global eth0"))
                #expect(shown.contains("inet 192.168.0.100/32 scope global"), "\(shown)")
                let other = try lab.machine2.namespace.ip(["address", "show", "eth0"]).output
                #expect(other.contains("inet 192.168.0.192/24") && !other.contains("192.168.0.100"))
                pause(.seconds(2))
                let summary = lab.probe.summary(from: settled)
                measured("1 both up", "\(summary)")
                #expect(summary.answers == ["192.168.0.50 192.168.0.193"])
                #expect(summary.refused == 0 && summary.broken == 0)
                expectNeverTwoOwners(in: lab, from: settled)

                #expect(lab.machine1.logged("(VI_1) Entering MASTER STATE"))
                #expect(lab.machine2.logged("(VI_1) Entering BACKUP STATE"))
                let status = try lab.machine1.control("status")
                print(status.output)
                #expect(status.succeeded)
                #expect(try lab.machine1.control("status", "--json").output.contains("\"MASTER\""))
            }
        }

        @Test(
            "The proxy has dropped to haproxy for good and logs each session as option tcplog",
            .timeLimit(.minutes(3))
        )
        func privilegesAndLog() throws {
            try withPair { lab in
                let pid = try #require(try lab.machine1.pid(of: "proxy"))
                let status = String(decoding: try readFile("/proc/\(pid)/status"), as: UTF8.self)
                let user = try #require(UserIdentity.named("haproxy"))
                let id = "\(user.uid)\t\(user.uid)\t\(user.uid)\t\(user.uid)"
                #expect(status.contains("Uid:\t\(id)"), "\(status)")
                #expect(status.contains("CapEff:\t0000000000000000"))
                #expect(status.contains("NoNewPrivs:\t1"))
                // Facility local0, level info: 16 * 8 + 6. The second target takes notice and above only.
                var line: String?
                try expectSoon("a tcplog line", within: .seconds(5), in: lab) {
                    line = lab.machine1.syslog.messages.first {
                        $0.contains(
                            " blogadmin.nostratech.com blogadmin.nostratech.com/adminserver "
                        ) && $0.contains(" -- ")
                    }
                    return line != nil
                }
                let text = try #require(line)
                measured("1 tcplog", text)
                #expect(text.hasPrefix("<134>"))
                #expect(text.contains("]: 192.168.0.10:"))
                let session = text.split(whereSeparator: \.isWhitespace).suffix(5).map(String.init)
                // Tw/Tc/Tt, bytes, termination state, connection counters, queues.
                #expect(session.first?.split(separator: "/").count == 3, "\(session)")
                #expect(session.dropFirst(2).first == "--", "\(session)")
                #expect(session.dropFirst(3).first?.split(separator: "/").count == 5, "\(session)")
                #expect(session.last == "0/0", "\(session)")
            }
        }

        @Test(
            "tandemctl stop proxy moves the VIP, the client is served again; start moves it back",
            .timeLimit(.minutes(3))
        )
        func stopAndStart() throws {
            try withPair { lab in
                let stopped = Clock.now
                let answer = try lab.machine1.control("stop", "proxy")
                #expect(answer.output == "proxy: stopped\n" && answer.succeeded, "\(answer)")
                try expectServed(by: lab.machine2, after: stopped, within: .seconds(10), in: lab)
                #expect(lab.owners.now == .machine2)
                measured("2 stop proxy", "\(lab.probe.summary(from: stopped))")
                #expect(lab.probe.summary(from: stopped).outage < .seconds(3))
                let status = try lab.machine1.control("status")
                #expect(status.cause == .exited(3), "\(status.output)")
                #expect(try lab.machine1.state(of: "proxy") == "STOPPED")

                let started = Clock.now
                let back = try lab.machine1.control("start", "proxy")
                #expect(back.output == "proxy: started\n" && back.succeeded, "\(back)")
                try expectServed(by: lab.machine1, after: started, within: .seconds(20), in: lab)
                #expect(lab.owners.now == .machine1)
                measured("2 start proxy", "\(lab.probe.summary(from: started))")
                expectNeverTwoOwners(in: lab, from: stopped)
            }
        }
    }

    /// Faults of the proxy.
    @Suite struct ProxyFaultTests {
        /// The inode of the listening socket on the VIP, as the kernel of the node knows it.
        private func listener(of node: Node) throws -> String? {
            let pid = try #require(try node.pid(of: "proxy"))
            let table = String(decoding: try readFile("/proc/\(pid)/net/tcp"), as: UTF8.self)
            for line in table.split(separator: "\n") {
                let fields = line.split(separator: " ")
                // 192.168.0.100:7001 in LISTEN.
                if fields.count > 9, fields[1] == "6400A8C0:1B59", fields[3] == "0A" {
                    return String(fields[9])
                }
            }
            return nil
        }

        @Test(
            "kill -9 of the proxy: back on the same sockets, the VIP stays, nobody is refused",
            .timeLimit(.minutes(3))
        )
        func killed() throws {
            try withPair { lab in
                let before = try #require(try listener(of: lab.machine1))
                let killed = Clock.now
                let pid = try lab.machine1.signal("proxy", SIGKILL)
                try expectSoon("another proxy runs", within: .seconds(10), in: lab) {
                    guard let now = try lab.machine1.pid(of: "proxy"), now != pid else {
                        return false
                    }
                    return try lab.machine1.state(of: "proxy") == "RUNNING"
                }
                try expectServed(by: lab.machine1, after: killed, within: .seconds(5), in: lab)
                pause(.seconds(2))
                let summary = lab.probe.summary(from: killed)
                measured("3 kill -9 of the proxy", "\(summary)")
                #expect(summary.refused == 0)
                #expect(summary.answers == ["192.168.0.50 192.168.0.193"])
                #expect(summary.outage < .seconds(1))
                #expect(try listener(of: lab.machine1) == before)
                #expect(lab.owners.time(.machine1, from: killed) > .seconds(2))
                #expect(lab.owners.firstTime([], after: killed) == nil)
                expectNeverTwoOwners(in: lab, from: killed)
            }
        }

        @Test(
            "SIGSTOP of the proxy: the VIP moves and the client is served in under 3 s",
            .timeLimit(.minutes(3))
        )
        func hung() throws {
            try withPair { lab in
                let frozen = Clock.now
                try lab.machine1.signal("proxy", SIGSTOP)
                try expectServed(by: lab.machine2, after: frozen, within: .seconds(10), in: lab)
                let moved = lab.probe.summary(from: frozen)
                measured("4 SIGSTOP of the proxy", "\(moved)")
                #expect(moved.outage < .seconds(3))
                try expectSoon("machine1 has a proxy again", within: .seconds(15), in: lab) {
                    try lab.machine1.state(of: "proxy") == "RUNNING"
                }
                try expectServed(
                    by: lab.machine1,
                    after: frozen + .seconds(2),
                    within: .seconds(20),
                    in: lab
                )
                measured("4 the way back", "\(lab.probe.summary(from: frozen))")
                expectNeverTwoOwners(in: lab, from: frozen)
                print(try lab.machine1.control("why").output)
            }
        }

        @Test(
            "A proxy that can't be restarted is FATAL and steps down; mended, it comes back",
            .timeLimit(.minutes(5))
        )
        func fatal() throws {
            try withPair { lab in
                try lab.machine1.spoil("tandem-proxy")
                let killed = Clock.now
                try lab.machine1.signal("proxy", SIGKILL)
                try expectServed(by: lab.machine2, after: killed, within: .seconds(15), in: lab)
                measured("7 proxy not restartable", "\(lab.probe.summary(from: killed))")
                try expectSoon("the proxy is FATAL", within: .seconds(20), in: lab) {
                    try lab.machine1.state(of: "proxy") == "FATAL"
                }
                #expect(lab.owners.now == .machine2)
                let mended = Clock.now
                try lab.machine1.mend("tandem-proxy")
                // By itself: fatal_retry is 30 s.
                try expectServed(by: lab.machine1, after: mended, within: .seconds(60), in: lab)
                measured("7 mended", "back after \(text(Clock.now - mended))")
                #expect(try lab.machine1.state(of: "proxy") == "RUNNING")
                expectNeverTwoOwners(in: lab, from: killed)
            }
        }
    }
}
