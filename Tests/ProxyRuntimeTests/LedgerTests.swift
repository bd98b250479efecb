import Primitives
import Testing

@testable import ProxyRuntime

@Suite struct LedgerTests {
    private static let start = Instant(nanoseconds: 1_000_000_000_000)

    @Test("What the workers count is summed, what they saw at most is not, and parts count once")
    func sums() {
        let whole = Ledger(workers: 2, at: Self.start)
        let part = Ledger(workers: 2, at: Self.start)
        whole.add(part: part)
        whole.tally(of: 0).add(.sessions)
        whole.tally(of: 1).add(.sessions, 2)
        part.tally(of: 0).add(.bytesIn, 10)
        part.tally(of: 1).add(.bytesIn, 5)
        whole.tally(of: 1).add(.bytesIn, 1)
        part.tally(of: 0).raise(.mostSessions, to: 7)
        part.tally(of: 0).raise(.mostSessions, to: 3)
        part.tally(of: 1).raise(.mostSessions, to: 4)
        part.tally(of: 1)[.lastSession] = 99
        #expect(whole.own(.sessions) == 3)
        #expect(whole.total(.sessions) == 3)
        #expect(whole.own(.bytesIn) == 1)
        #expect(whole.total(.bytesIn) == 16)
        #expect(part.highest(.mostSessions) == 7)
        #expect(whole.highest(.mostSessions) == 0)
        #expect(whole.latest(.lastSession) == 99)
    }

    @Test("A tally starts at nothing, and one count is not another")
    func tally() {
        let tally = Tally()
        #expect(Count.allCases.allSatisfy { tally[$0] == 0 })
        for count in Count.allCases { tally.add(count, UInt64(count.rawValue) + 1) }
        #expect(Count.allCases.allSatisfy { tally[$0] == UInt64($0.rawValue) + 1 })
    }

    @Test(
        "The highest rate is of a whole second, the current one of the last thousand milliseconds"
    )
    func rates() {
        var meter = RateMeter(at: Self.start)
        #expect(meter.rate(0, at: Self.start) == Rate())
        #expect(
            meter.rate(30, at: Self.start + .milliseconds(100)) == Rate(current: 30, highest: 30)
        )
        meter.measure(30, at: Self.start + .milliseconds(999))
        meter.measure(40, at: Self.start + .seconds(1))
        #expect(
            meter.rate(45, at: Self.start + .milliseconds(1250)) == Rate(current: 35, highest: 40)
        )
        meter.measure(45, at: Self.start + .milliseconds(2010))
        #expect(
            meter.rate(45, at: Self.start + .milliseconds(2010)) == Rate(current: 5, highest: 40)
        )
        // A look that comes late is of several seconds.
        meter.measure(345, at: Self.start + .milliseconds(5010))
        #expect(
            meter.rate(345, at: Self.start + .milliseconds(5010))
                == Rate(current: 100, highest: 100)
        )
        #expect(
            meter.rate(345, at: Self.start + .milliseconds(6010)) == Rate(current: 0, highest: 100)
        )
    }

    @Test("A clock or a total that goes back is no rate")
    func backwards() {
        var meter = RateMeter(at: Self.start)
        meter.measure(100, at: Self.start + .seconds(1))
        #expect(meter.rate(50, at: .zero) == Rate(current: 100, highest: 100))
        meter.measure(50, at: .zero)
        #expect(meter.rate(100, at: Self.start + .seconds(2)) == Rate(current: 0, highest: 100))
    }
}
