import CLinux
import HAProxySyntax
import LinuxIO
import Primitives
import Sessions
import Testing

@testable import ProxyRuntime

@Suite struct HeartbeatTests {
    @Test("A loop that stands still sends nothing, and beats go on when it turns again")
    func stuckLoopSendsNothing() {
        var heartbeat = Heartbeat()
        #expect(heartbeat.turnsFinished([5, 9]) == 5)
        #expect(heartbeat.turnsFinished([6, 10]) == 6)
        #expect(heartbeat.turnsFinished([6, 400]) == nil)
        #expect(heartbeat.turnsFinished([6, 500]) == nil)
        #expect(heartbeat.turnsFinished([7, 501]) == 7)
        #expect(heartbeat.turnsFinished([]) == nil)
    }
}

@Suite struct CapacityTests {
    @Test("maxconn is lowered to what the descriptors allow, and the formula is told")
    func clamped() {
        let capacity = Capacity(
            wanted: 4096,
            descriptors: 1024,
            needs: Capacity.Needs(listeners: 1, servers: 1, workers: 1)
        )
        // 1 + 1 + 4 + 2 x 32 + 64 are no connection's.
        #expect(capacity.maxconn == 445)
        #expect(capacity.pipes == 32)
        #expect(capacity.note?.contains("2 x maxconn") == true)
        #expect(capacity.note?.contains("8326 descriptors") == true)
        let needs = Capacity.Needs(listeners: 1, servers: 1, workers: 1)
        let roomy = Capacity(wanted: 4096, descriptors: 20_000, needs: needs)
        #expect(roomy == Capacity(wanted: 4096, descriptors: 10_000, needs: needs))
        #expect(roomy.note == nil)
        let asked = Capacity.descriptors(for: 4096, needs)
        #expect(Capacity(wanted: 4096, descriptors: asked, needs: needs).note == nil)
    }

    @Test("An address has a socket a worker; a path and a descriptor have one")
    func listeners() throws {
        let text =
            "listen p\n mode tcp\n bind :80,:81\n bind /run/p.sock\n bind fd@9\n server s 192.0.2.1:1\n"
            + "listen off\n mode tcp\n disabled\n bind :82\n server s 192.0.2.1:1\n"
        let parsed = HAProxyParser.parse(
            [SourceText(path: "h.cfg", text: text)],
            environment: HAProxyParsingEnvironment(environmentVariable: { _ in nil })
        )
        let configuration = try #require(parsed.configuration, "\(parsed.diagnostics)")
        #expect(
            Capacity.Needs(of: configuration, workers: 8)
                == Capacity.Needs(listeners: 18, servers: 1, workers: 8)
        )
    }
}

@Suite struct OptionsTests {
    @Test("-f may be repeated, and without it there is a default")
    func files() {
        var options = ProxyOptions()
        options.files = ["a", "b"]
        options.checkOnly = true
        #expect(ProxyOptions.parse(["-f", "a", "-c", "-f", "b"]) == .run(options))
        options = ProxyOptions()
        options.files = [ProxyOptions.defaultFile]
        #expect(ProxyOptions.parse([]) == .run(options))
        #expect(ProxyOptions.parse(["-f"]) == .unusable("'-f' needs a file"))
        var reload = ProxyOptions()
        reload.files = [ProxyOptions.defaultFile]
        reload.reloads = 4711
        #expect(ProxyOptions.parse(["--reload", "4711"]) == .run(reload))
        for word in [["--reload"], ["--reload", "x"], ["--reload", "1"], ["--reload", "-4711"]] {
            #expect(
                ProxyOptions.parse(word) == .unusable("'--reload' needs the pid of a running proxy")
            )
        }
        #expect(ProxyOptions.parse(["--bogus"]) == .unusable("unknown option '--bogus'"))
    }
}

@Suite struct ListenerNameTests {
    private static let place = SourceLocation(file: "f", line: 1)

    private static func unix(_ path: String) -> BindAddress {
        BindAddress(endpoint: .unix(path: path), location: place)
    }

    @Test("Two bind lines that differ have names that differ, whatever their parts hold")
    func distinct() {
        var eth0 = BindAddress(endpoint: .ip(.v6(.any), port: 80), location: Self.place)
        eth0.interface = "eth0"
        var vlan = eth0
        vlan.interface = "eth0.2"
        var transparent = eth0
        transparent.interface = nil
        transparent.transparent = true
        var odd = eth0
        odd.interface = "transparent"
        let long = String(repeating: "x:", count: 50)
        let names = [
            Self.unix("/a"), Self.unix("/a.2"), Self.unix("/a+2"), Self.unix("/a:b"),
            Self.unix("/a_b"), Self.unix("/a b"), Self.unix("/a?b"), Self.unix("/a%20b"),
            Self.unix("/\(long)1"), Self.unix("/\(long)2"), eth0, vlan, transparent, odd,
        ].map(\.storeName)
        #expect(Set(names).count == names.count)
        for name in names {
            #expect(name.utf8.count <= 250)
            #expect(name.utf8.allSatisfy { $0 > 32 && $0 < 127 && $0 != 58 })
        }
    }

    @Test("Names of the fd store hold no colon")
    func names() {
        let place = SourceLocation(file: "f", line: 1)
        let v4 = BindAddress(
            endpoint: .ip(.v4(IPv4Address(192, 168, 0, 100)), port: 7001),
            location: place
        )
        #expect(v4.storeName == "listener-192.168.0.100_7001")
        var v6 = BindAddress(endpoint: .ip(.v6(.any), port: 80), location: place)
        v6.interface = "eth0"
        #expect(v6.storeName == "listener-[__]_80+interface=eth0")
    }
}

@Suite struct TimerWheelTests {
    @Test("A session comes up within a tick after its deadline, and never before")
    func deadlines() {
        let start = Instant(nanoseconds: 1_000_000_000)
        var slab = SessionSlab()
        var wheel = TimerWheel(at: start)
        let delays: [Int64] = [0, 1, 15, 16, 17, 100, 999, 5000, 60_000]
        var expected: [Int32: Instant] = [:]
        for delay in delays {
            let slot = slab.fresh()
            expected[slot.pointee.index] = start + .milliseconds(delay)
            wheel.schedule(slot, at: start + .milliseconds(delay), in: slab)
        }
        let cancelled = slab.fresh()
        wheel.schedule(cancelled, at: start + .milliseconds(50), in: slab)
        wheel.cancel(cancelled, in: slab)
        var now = start
        while !expected.isEmpty, now < start + .seconds(70) {
            now = now + .milliseconds(4)
            while let slot = wheel.nextDue(at: now, in: slab) {
                let index = slot.pointee.index
                guard let deadline = expected.removeValue(forKey: index) else {
                    Issue.record("\(index) was not asked for")
                    continue
                }
                #expect(deadline <= now)
                #expect(now - deadline <= .milliseconds(36))
            }
        }
        #expect(expected.isEmpty)
    }

    @Test(
        "A session that is put off stays where it is looked at sooner, and comes nearer when it must"
    )
    func rescheduled() {
        let start = Instant(nanoseconds: 1_000_000_000)
        var slab = SessionSlab()
        var wheel = TimerWheel(at: start)
        let slot = slab.fresh()
        wheel.schedule(slot, at: start + .milliseconds(500), in: slab)
        wheel.schedule(slot, at: start + .milliseconds(900), in: slab)
        let at540 = wheel.nextDue(at: start + .milliseconds(540), in: slab)
        #expect(at540 == slot)
        wheel.schedule(slot, at: start + .milliseconds(900), in: slab)
        wheel.schedule(slot, at: start + .milliseconds(600), in: slab)
        let at640 = wheel.nextDue(at: start + .milliseconds(640), in: slab)
        #expect(at640 == slot)
        let at990 = wheel.nextDue(at: start + .milliseconds(990), in: slab)
        #expect(at990 == nil)
    }

    @Test("A token of a session that is gone finds nothing, even in the same slot")
    func staleTokens() {
        var slab = SessionSlab()
        let slot = slab.fresh()
        let token = slot.pointee.token(.server)
        let found = slab.find(token)
        #expect(found == slot)
        slab.free(slot)
        let afterwards = slab.find(token)
        #expect(afterwards == nil)
        let next = slab.fresh()
        #expect(next == slot)
        let stale = slab.find(token)
        #expect(stale == nil)
        let absurd = slab.find(UInt64.max >> 2)
        #expect(absurd == nil)
        print("a session slot has \(MemoryLayout<SessionSlot>.size) bytes")
        #expect(MemoryLayout<SessionSlot>.stride <= 512)
    }
}

@Suite struct LogComposerTests {
    @Test("Numbers are written as decimals", arguments: [0, 7, -1, 1_234_567_890_123])
    func decimals(number: Int64) {
        var bytes: [UInt8] = []
        bytes.decimal(number)
        #expect(String(decoding: bytes, as: UTF8.self) == String(number))
    }
}

extension SessionSlab {
    /// A slot of a slab that is far from full.
    mutating func fresh() -> Slot {
        guard let slot = allocate(at: .zero) else { preconditionFailure("the slab is full") }
        return slot
    }
}
