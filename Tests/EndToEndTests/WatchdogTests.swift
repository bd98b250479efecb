import Glibc
import LinuxIO
import NamespaceLab
import Primitives
import Testing

extension EndToEnd {
    /// Each thread of each daemon hangs alone, asleep and in a circle: `kill -0` and a TCP connect would call
    /// the process well.
    @Suite struct WatchdogTests {
        /// Hangs are no deaths to be limited here: there are more of them than `restart_limit` allows.
        private func withPatientPair(_ body: (Lab) throws -> Void) throws {
            let lab = try Lab(seed: seedDirectory)
            defer { lab.tearDown() }
            for node in [lab.machine1, lab.machine2] {
                try append("\ntandem {\n  restart_limit 100\n}\n", to: node.keepalivedFile)
                let text = String(decoding: try readFile(node.haproxyFile), as: UTF8.self)
                guard text.hasPrefix("global\n") else { throw LabError("no global section") }
                try write("global\n nbthread 3\n" + text.dropFirst(7), to: node.haproxyFile)
            }
            do {
                try lab.startBoth()
                try body(lab)
            } catch {
                print(lab.report())
                throw error
            }
        }

        private func append(_ text: String, to path: String) throws {
            let content = String(decoding: try readFile(path), as: UTF8.self)
            try write(content + text, to: path)
        }

        private func proxyThreads(
            of lab: Lab
        ) throws -> (pid: Int32, list: [(id: Int32, name: String)]) {
            let pid = try #require(try lab.machine1.pid(of: "proxy"))
            // The kernel's own that work for io_uring come and go, and can't be stopped from outside.
            return (pid, threads(of: pid).filter { !$0.name.hasPrefix("iou-") })
        }

        @Test(
            "A thread of the proxy that carries or controls traffic hangs: step down, kill, restart",
            .timeLimit(.minutes(4)),
            arguments: ThreadTrap.Way.allCases
        )
        func proxyThread(way: ThreadTrap.Way) throws {
            try withPatientPair { lab in
                let names = try proxyThreads(of: lab).list.map(\.name)
                #expect(
                    names.sorted()
                        == [
                            "resolver", "resolver-2", "tandem-proxy", "worker/0", "worker/1",
                            "worker/2",
                        ]
                )
                for name in names where !name.hasPrefix("resolver") {
                    try expectSoon("machine1 is MASTER", within: .seconds(15), in: lab) {
                        lab.owners.now == .machine1
                    }
                    let (pid, list) = try proxyThreads(of: lab)
                    let thread = try #require(list.first { $0.name == name })
                    let begin = Clock.now
                    let trap = try ThreadTrap(
                        way,
                        thread: thread.id,
                        of: pid,
                        products: productDirectory()
                    )
                    try expectServed(by: lab.machine2, after: begin, within: .seconds(6), in: lab)
                    try expectSoon("another proxy runs", within: .seconds(5), in: lab) {
                        let now = try lab.machine1.pid(of: "proxy")
                        return now != nil && now != pid
                    }
                    trap.release()
                    let outage = lab.probe.summary(from: begin).outage
                    measured("watchdog", "proxy, \(way.rawValue) \(name): outage \(text(outage))")
                    #expect(outage < .seconds(3))
                    expectNeverTwoOwners(in: lab, from: begin)
                }
            }
        }

        @Test(
            "A name server that never answers hangs the resolver's thread, and nothing else",
            .timeLimit(.minutes(3)),
            arguments: ThreadTrap.Way.allCases
        )
        func resolver(way: ThreadTrap.Way) throws {
            try withPatientPair { lab in
                let (pid, list) = try proxyThreads(of: lab)
                let thread = try #require(list.first { $0.name == "resolver" })
                let begin = Clock.now
                let trap = try ThreadTrap(
                    way,
                    thread: thread.id,
                    of: pid,
                    products: productDirectory()
                )
                pause(.seconds(6))
                let summary = lab.probe.summary(from: begin)
                measured("watchdog", "proxy, \(way.rawValue) resolver: \(summary)")
                #expect(try lab.machine1.pid(of: "proxy") == pid)
                #expect(lab.owners.now == .machine1)
                #expect(summary.refused == 0 && summary.outage < .milliseconds(300))
                trap.release()
            }
        }

        @Test(
            "The agent's thread hangs: the address goes by its lifetime, and the agent is restarted",
            .timeLimit(.minutes(3)),
            arguments: ThreadTrap.Way.allCases
        )
        func agent(way: ThreadTrap.Way) throws {
            try withPatientPair { lab in
                let pid = try #require(try lab.machine1.pid(of: "agent"))
                #expect(threads(of: pid).count == 1)
                let begin = Clock.now
                let trap = try ThreadTrap(way, thread: pid, of: pid, products: productDirectory())
                try expectSoon("machine1 has lost the address", within: .seconds(4), in: lab) {
                    lab.owners.now != .machine1
                }
                measured(
                    "watchdog",
                    "agent, \(way.rawValue): gone after \(text(Clock.now - begin))"
                )
                try expectSoon("another agent runs", within: .seconds(8), in: lab) {
                    let now = try lab.machine1.pid(of: "agent")
                    return now != nil && now != pid
                }
                measured(
                    "watchdog",
                    "agent, \(way.rawValue): restarted after \(text(Clock.now - begin))"
                )
                trap.release()
                try expectSoon("machine1 is MASTER again", within: .seconds(20), in: lab) {
                    lab.owners.now == .machine1
                }
                expectNeverTwoOwners(in: lab, from: begin)
            }
        }

        @Test(
            "The supervisor's thread hangs for less than lease_grace: nothing moves",
            .timeLimit(.minutes(3)),
            arguments: ThreadTrap.Way.allCases
        )
        func supervisor(way: ThreadTrap.Way) throws {
            try withPatientPair { lab in
                let proxy = try #require(try lab.machine1.pid(of: "proxy"))
                let agent = try #require(try lab.machine1.pid(of: "agent"))
                let pid = try #require(try lab.machine1.pid(of: "supervisor"))
                #expect(threads(of: pid).count == 1)
                let begin = Clock.now
                let trap = try ThreadTrap(way, thread: pid, of: pid, products: productDirectory())
                pause(.seconds(4))
                trap.release()
                pause(.seconds(2))
                let summary = lab.probe.summary(from: begin)
                measured("watchdog", "supervisor, \(way.rawValue): \(summary)")
                #expect(lab.owners.now == .machine1)
                #expect(summary.refused == 0 && summary.outage < .milliseconds(300))
                #expect(try lab.machine1.pid(of: "proxy") == proxy)
                #expect(try lab.machine1.pid(of: "agent") == agent)
            }
        }
    }
}
