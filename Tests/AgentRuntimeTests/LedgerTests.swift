import Messages
import Primitives
import Testing
import VRRP

@testable import AgentRuntime

@Suite("The outcome of checks")
struct CheckLedgerTests {
    private let start = Instant(nanoseconds: 1_000_000_000_000)
    private let program = ProgramOrder(arguments: ["/bin/check"], user: "nobody")

    private func ledger(
        rise: Int = 2,
        fall: Int = 3,
        startsFailed: Bool = false
    ) -> CheckLedger {
        var ledger = CheckLedger()
        _ = ledger.keep(
            "chk",
            CheckLedger.Terms(
                program: program,
                rise: rise,
                fall: fall,
                startsFailed: startsFailed,
                silence: .seconds(10)
            ),
            at: start
        )
        return ledger
    }

    /// Feeds results and returns the outcomes in between.
    private func outcomes(_ results: [Bool], _ ledger: inout CheckLedger) -> [Bool?] {
        results.map { result in
            _ = ledger.record("chk", succeeded: result, at: start)
            return ledger.outcome(of: "chk")
        }
    }

    @Test(arguments: [true, false])
    func `the first run decides at once`(_ succeeded: Bool) {
        var ledger = ledger()
        #expect(ledger.outcome(of: "chk") == nil)
        #expect(
            ledger.record("chk", succeeded: succeeded, at: start)
                == CheckLedger.Change(name: "chk", succeeded: succeeded)
        )
    }

    @Test func `fall failures in a row fail a check, fewer do not`() {
        var ledger = ledger()
        #expect(
            outcomes([true, false, false, true, false, false, false], &ledger)
                == [true, true, true, true, true, true, false]
        )
    }

    @Test func `rise successes in a row mend it, fewer do not`() {
        var ledger = ledger()
        #expect(
            outcomes([false, true, false, true, true], &ledger) == [
                false, false, false, false, true,
            ]
        )
    }

    @Test func `init_fail starts as failed and asks for rise successes`() {
        var ledger = CheckLedger()
        let terms = CheckLedger.Terms(
            program: program,
            rise: 2,
            fall: 1,
            startsFailed: true,
            silence: .seconds(1)
        )
        #expect(
            ledger.keep("chk", terms, at: start)
                == CheckLedger.Change(name: "chk", succeeded: false)
        )
        #expect(outcomes([true, true], &ledger) == [false, true])
    }

    @Test func `silence fails a check, a word in time does not`() {
        var ledger = ledger()
        _ = ledger.record("chk", succeeded: true, at: start)
        _ = ledger.record("chk", succeeded: true, at: start + .seconds(9))
        #expect(ledger.nextDeadline == start + .seconds(19))
        #expect(ledger.deadline(at: start + .seconds(18)) == [])
        #expect(
            ledger.deadline(at: start + .seconds(19))
                == [CheckLedger.Change(name: "chk", succeeded: false)]
        )
        #expect(ledger.nextDeadline == nil)
    }

    @Test func `a reload keeps what is known, and a check that is gone is not heard any more`() {
        var ledger = ledger(fall: 1)
        _ = ledger.record("chk", succeeded: true, at: start)
        let terms = CheckLedger.Terms(
            program: program,
            rise: 1,
            fall: 9,
            startsFailed: true,
            silence: .seconds(10)
        )
        #expect(ledger.keep("chk", terms, at: start) == nil)
        #expect(ledger.outcome(of: "chk") == true)
        #expect(ledger.record("chk", succeeded: false, at: start) == nil)
        ledger.forget("chk")
        #expect(ledger.record("chk", succeeded: false, at: start) == nil)
        #expect(ledger.names == [])
    }

    @Test func `another program under the same name decides with its first result`() {
        var ledger = ledger(rise: 9)
        _ = ledger.record("chk", succeeded: false, at: start)
        for other in [
            ProgramOrder(arguments: ["/bin/check", "more"], user: "nobody"),
            ProgramOrder(arguments: ["/bin/check"], user: "root"),
        ] {
            let terms = CheckLedger.Terms(
                program: other,
                rise: 9,
                fall: 9,
                startsFailed: false,
                silence: .seconds(10)
            )
            var changed = ledger
            #expect(changed.keep("chk", terms, at: start) == nil)
            #expect(changed.outcome(of: "chk") == nil)
            #expect(
                changed.record("chk", succeeded: true, at: start)
                    == CheckLedger.Change(name: "chk", succeeded: true)
            )
        }
    }

    @Test func `without a runner everything fails once`() {
        var ledger = ledger()
        _ = ledger.record("chk", succeeded: true, at: start)
        #expect(ledger.failAll() == [CheckLedger.Change(name: "chk", succeeded: false)])
        #expect(ledger.failAll() == [])
    }
}

@Suite("Notify programs in line")
struct NotifyQueueTests {
    private func order(
        _ router: String,
        _ serial: UInt64,
        _ subject: NotifyOrder.Subject = .instance
    ) -> NotifyOrder {
        NotifyOrder(
            router: router,
            serial: serial,
            program: ProgramOrder(arguments: ["/bin/true"], user: "nobody"),
            subject: subject
        )
    }

    @Test func `one runs at a time, in the order of the orders`() {
        var queue = NotifyQueue()
        #expect(queue.append(order("A", 1)).isEmpty)
        #expect(queue.append(order("A", 1)).isEmpty)
        #expect(queue.append(order("B", 2)).isEmpty)
        #expect(queue.next() == order("A", 1))
        #expect(queue.next() == nil)
        #expect(queue.finish() == order("A", 1))
        #expect(queue.next() == order("A", 1))
        _ = queue.finish()
        #expect(queue.next() == order("B", 2))
        _ = queue.finish()
        #expect(queue.isIdle)
    }

    @Test func `a newer state of a router supersedes what has not begun, of that router alone`() {
        var queue = NotifyQueue()
        _ = queue.append(order("A", 1))
        _ = queue.next()
        _ = queue.append(order("A", 2))
        _ = queue.append(order("B", 3))
        #expect(
            queue.append(order("A", 4)) == [
                NotifyQueue.Dropped(order: order("A", 2), outcome: .superseded)
            ]
        )
        #expect(queue.running == order("A", 1))
        _ = queue.finish()
        #expect(queue.next() == order("B", 3))
        _ = queue.finish()
        #expect(queue.next() == order("A", 4))
    }

    @Test func `as many routers as a link can have are all told`() {
        var queue = NotifyQueue()
        var dropped = 0
        for number in 0..<255 {
            let own = order("VI_\(number)", UInt64(number + 1))
            dropped += queue.append(own).count + queue.append(own).count
        }
        #expect(dropped == 0)
        var ran = 0
        while queue.next() != nil {
            ran += 1
            _ = queue.finish()
        }
        #expect(ran == 510)
    }

    @Test func `a rival and a group of one name take nothing from a router's states`() {
        var queue = NotifyQueue()
        #expect(queue.append(order("A", 1)).isEmpty)
        #expect(queue.append(order("A", 2, .rival)).isEmpty)
        #expect(queue.append(order("A", 3, .group)).isEmpty)
        #expect(queue.append(order("A", 4, .rival)).count == 1)
        #expect(queue.append(order("A", 5)).count == 1)
    }

    @Test func `it never grows without bound, and says what it could not take`() {
        var queue = NotifyQueue()
        var dropped: [NotifyQueue.Dropped] = []
        for number in 0..<(NotifyQueue.limit + 10) {
            dropped += queue.append(order("\(number)", 1))
        }
        #expect(dropped.count == 10)
        #expect(dropped.allSatisfy { $0.outcome == .crowdedOut })
        #expect(dropped.map(\.order.router) == (0..<10).map { "\(NotifyQueue.limit + $0)" })
    }
}

@Suite("Dropped packets in the log")
struct DropLogTests {
    @Test func `the first of each reason is told, then one line a minute`() {
        var log = DropLog()
        let start = Instant(nanoseconds: 5_000_000_000)
        #expect(log.record(.checksum, at: start) == "dropped a packet: checksum")
        #expect(log.record(.checksum, at: start) == nil)
        #expect(log.record(.timeToLive, at: start) == "dropped a packet: ttl")
        for second in 1..<60 {
            #expect(log.record(.checksum, at: start + .seconds(second)) == nil)
        }
        #expect(
            log.record(.timeToLive, at: start + .seconds(60))
                == "dropped packets since the last line: 1 ttl, 60 checksum"
        )
        #expect(log.record(.checksum, at: start + .seconds(61)) == nil)
    }
}

@Suite("What a reload changes")
struct ReloadPlanTests {
    private func router(_ name: String, _ interface: String, _ id: UInt8) -> RouterSettings {
        RouterSettings(name: name, interface: interface, virtualRouterID: id, addresses: [])
    }

    @Test func `a router is the same by VRID and interface, whatever its name`() {
        let old = [router("A", "eth0", 1), router("B", "eth0", 2), router("C", "eth1", 1)]
        let new = [router("Renamed", "eth1", 1), router("A", "eth0", 1), router("B", "eth0", 3)]
        let plan = ReloadPlan(old: old, new: new)
        #expect(plan.kept.map(\.position) == [0, 2])
        #expect(plan.kept.map(\.settings.name) == ["A", "Renamed"])
        #expect(plan.removed == [1])
        #expect(plan.added == [new[2]])
    }

    @Test func `of several with one VRID each keeps its own peers`() {
        func unicast(_ name: String, _ last: UInt8) -> RouterSettings {
            var settings = router(name, "eth0", 1)
            settings.transport = .unicast(
                peers: [UnicastPeer(address: IPAddress(10, 9, 0, last))],
                timeToLive: 255,
                checksSource: true
            )
            return settings
        }
        let old = [unicast("A", 1), unicast("B", 2), router("C", "eth0", 1)]
        #expect(Set(old.map { RouterKey($0) }).count == 3)
        let new = [unicast("B", 2), router("C", "eth0", 1), unicast("A", 3)]
        let plan = ReloadPlan(old: old, new: new)
        #expect(plan.kept.map(\.position) == [0, 1, 2])
        #expect(plan.kept.map(\.settings.name) == ["A", "B", "C"])
        #expect(plan.added == [] && plan.removed == [])
    }

    @Test func `the same file changes nothing`() {
        let routers = [router("A", "eth0", 1)]
        let plan = ReloadPlan(old: routers, new: routers)
        #expect(plan.removed.isEmpty && plan.added.isEmpty)
        #expect(plan.kept.count == 1)
    }
}

@Suite("Words for people")
struct TextTests {
    @Test(arguments: [
        (VisibleState.active, "(VI_1) Entering MASTER STATE"),
        (.backup, "(VI_1) Entering BACKUP STATE"),
        (.fault, "(VI_1) Entering FAULT STATE"),
    ])
    func `a transition has keepalived's words`(_ state: VisibleState, _ words: String) {
        let transition = RouterTransition(from: .initialize, to: state, reason: .masterDown)
        #expect(transition.line(of: "VI_1").hasPrefix(words + ": "))
    }

    @Test(arguments: [
        (Duration.seconds(7380), "2 h 3 min"), (.seconds(65), "1 min 5 s"), (.seconds(9), "9 s"),
        (.seconds(90_000), "1 d 1 h"), (.zero, "0 s"),
    ])
    func `a time is spoken in two units`(_ duration: Duration, _ words: String) {
        #expect(duration.spoken == words)
    }

    @Test func `the status is one sentence`() {
        let settings = RouterSettings(
            name: "VI_1",
            interface: "eth0",
            virtualRouterID: 51,
            addresses: [VirtualAddress(prefix: Prefix(host: .v4(IPv4Address(192, 168, 0, 100))))]
        )
        var router = VirtualRouter(settings: settings)
        let start = Instant(nanoseconds: 1_000_000_000)
        _ = router.handle(.start(source: IPAddress(192, 168, 0, 1), faults: []), at: start)
        let due = router.nextDeadline ?? start
        _ = router.handle(.deadline, at: due)
        #expect(
            StatusText.sentence(of: [router], at: due + .seconds(7380))
                == "MASTER of VI_1 for 2 h 3 min, 192.168.0.100"
        )
        #expect(StatusText.sentence(of: [], at: due) == "no virtual router is configured")
    }
}
