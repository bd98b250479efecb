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
            listeners: 1,
            servers: 1,
            workers: 1
        )
        #expect(capacity.maxconn == 477)
        #expect(capacity.note?.contains("2 x maxconn") == true)
        let roomy = Capacity(
            wanted: 4096,
            descriptors: 20_000,
            listeners: 1,
            servers: 1,
            workers: 1
        )
        #expect(
            roomy
                == Capacity(wanted: 4096, descriptors: 10_000, listeners: 1, servers: 1, workers: 1)
        )
        #expect(roomy.note == nil)
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
        #expect(ProxyOptions.parse(["--bogus"]) == .unusable("unknown option '--bogus'"))
    }
}

@Suite struct ListenerNameTests {
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
        #expect(v6.storeName == "listener-[__]_80-eth0")
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
