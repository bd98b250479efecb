import Glibc
import LinuxIO
import NamespaceLab
import Primitives
import Testing

extension EndToEnd {
    /// The instruments themselves: what they say is what was done.
    @Suite struct LabTests {
        @Test(
            "The lab's instruments see owners, answers, refusals and silence; nothing is left of it",
            .timeLimit(.minutes(2))
        )
        func instruments() throws {
            let name: String
            do {
                let lab = try Lab(seed: seedDirectory)
                defer { lab.tearDown() }
                name = lab.name
                #expect(lab.owners.now == [])
                let before = Clock.now
                pause(.milliseconds(500))
                let silence = lab.probe.summary(from: before)
                #expect(silence.answered == 0 && silence.attempts > 0, "\(silence)")
                #expect(silence.outage >= .milliseconds(500))

                // The backend's own program plays the proxy on machine1.
                let server = try Backend(in: lab.machine1.namespace, port: Lab.port)
                defer { server.stop() }
                let address = ["192.168.0.100/32", "dev", "eth0"]
                try lab.machine1.namespace.ip(["address", "add"] + address)
                try expectSoon("machine1 owns the address", within: .seconds(2), in: lab) {
                    lab.owners.now == .machine1
                }
                let up = Clock.now
                try expectSoon("an answer", within: .seconds(5), in: lab) {
                    lab.probe.firstAnswer(after: up) != nil
                }
                let served = Clock.now
                pause(.milliseconds(500))
                let good = lab.probe.summary(from: served, to: Clock.now + .milliseconds(-50))
                #expect(good.answered > 20 && good.refused == 0, "\(good)")
                #expect(good.answers == ["192.168.0.100 192.168.0.10"])

                let overlap = Clock.now
                try lab.machine2.namespace.ip(["address", "add"] + address)
                try expectSoon("two owners", within: .seconds(2), in: lab) {
                    lab.owners.now == .both
                }
                pause(.milliseconds(200))
                try lab.machine1.namespace.ip(["address", "del"] + address)
                try expectSoon("machine2 owns the address", within: .seconds(2), in: lab) {
                    lab.owners.now == .machine2
                }
                let both = lab.owners.time(.both, from: overlap)
                #expect(both >= .milliseconds(150) && both < .seconds(2), "\(both)")
                // Nobody listens there; the client may have to be told where the address is.
                _ = try lab.client.ip(["neighbour", "flush", "all"])
                let refusing = Clock.now
                try expectSoon("a refusal", within: .seconds(5), in: lab) {
                    lab.probe.summary(from: refusing).refused > 0
                }
                measured("lab", "longest time between two looks \(text(lab.owners.longestGap))")
            }
            #expect(entries(of: "/run/netns").filter { $0.hasPrefix(name + "-") } == [])
            #expect(entries(of: "/etc/netns").filter { $0.hasPrefix(name + "-") } == [])
            #expect(access("/tmp/" + name, F_OK) != 0)
        }

        @Test(
            "A node's programs have its own /etc/hosts, which changes at once",
            .timeLimit(.minutes(1))
        )
        func hosts() throws {
            let lab = try Lab(seed: seedDirectory, servesBackend: false)
            defer { lab.tearDown() }
            func resolved() throws -> String {
                let line = lab.machine1.command(["/usr/bin/getent", "ahostsv4", Lab.backendName])
                return try run(line[0], Array(line.dropFirst())).output
            }
            #expect(try resolved().hasPrefix("192.168.0.50 "))
            try lab.machine1.setHosts("192.168.0.51 \(Lab.backendName)")
            #expect(try resolved().hasPrefix("192.168.0.51 "))
        }
    }
}
