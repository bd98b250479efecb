import Primitives
import Testing

@testable import VRRP

@Suite("The ledger of leases")
struct LeaseLedgerTests {
    static let start = Instant.zero + .seconds(10)

    static func lease(
        _ duration: Duration,
        at now: Instant,
        standing: Standing = .full,
        proxyHealthy: Bool = true
    ) -> LeaseLedger.Event {
        .lease(until: now + duration, standing: standing, proxyHealthy: proxyHealthy)
    }

    @Test("a node without a supervisor stands by itself for ever")
    func unsupervised() {
        var ledger = LeaseLedger(grace: .seconds(5), supervised: false, at: Self.start)
        #expect(ledger.nextDeadline == nil)
        #expect(ledger.handle(.deadline, at: Self.start + .seconds(100)) == [])
        #expect(ledger.standing == .full)
        #expect(ledger.proxyIsHealthy == nil)
    }

    @Test("the first lease makes a node supervised")
    func becomesSupervised() {
        var ledger = LeaseLedger(grace: .seconds(5), supervised: false, at: Self.start)
        #expect(ledger.handle(Self.lease(.seconds(1), at: Self.start), at: Self.start) == [])
        #expect(ledger.isSupervised)
        #expect(ledger.nextDeadline == Self.start + .seconds(5))
    }

    @Test("silence for the grace is the last resort and a failed proxy; not a nanosecond earlier")
    func lapses() {
        var ledger = LeaseLedger(grace: .seconds(5), supervised: true, at: Self.start)
        let read = Self.start + .seconds(1)
        #expect(ledger.handle(Self.lease(.seconds(1), at: read), at: read) == [])
        #expect(ledger.proxyIsHealthy == true)
        let end = read + .seconds(5)
        #expect(ledger.handle(.deadline, at: end.advanced(by: .nanoseconds(-1))) == [])
        #expect(ledger.handle(.deadline, at: end) == [.standing(.lastResort)])
        #expect(ledger.proxyIsHealthy == false)
        #expect(ledger.nextDeadline == nil)
        #expect(ledger.handle(Self.lease(.seconds(1), at: end), at: end) == [.standing(.full)])
        #expect(ledger.proxyIsHealthy == true)
    }

    @Test("a supervisor that never speaks is missed after the grace, too")
    func neverSpoke() {
        var ledger = LeaseLedger(grace: .seconds(5), supervised: true, at: Self.start)
        #expect(
            ledger.handle(.deadline, at: Self.start + .seconds(5)) == [.standing(.lastResort)]
        )
    }

    @Test("a lease that is longer than the grace is waited for")
    func longLease() {
        var ledger = LeaseLedger(grace: .seconds(5), supervised: true, at: Self.start)
        _ = ledger.handle(Self.lease(.seconds(8), at: Self.start), at: Self.start)
        #expect(ledger.nextDeadline == Self.start + .seconds(8))
    }

    @Test("the standing of the lease is passed on once")
    func standing() {
        var ledger = LeaseLedger(grace: .seconds(5), supervised: true, at: Self.start)
        let lease = Self.lease(
            .seconds(1),
            at: Self.start,
            standing: .lastResort,
            proxyHealthy: false
        )
        #expect(ledger.handle(lease, at: Self.start) == [.standing(.lastResort)])
        #expect(ledger.handle(lease, at: Self.start) == [])
        #expect(ledger.proxyIsHealthy == false)
    }

    @Test("a shorter grace counts at once")
    func grace() {
        var ledger = LeaseLedger(grace: .seconds(5), supervised: true, at: Self.start)
        let later = Self.start + .seconds(3)
        #expect(ledger.handle(.grace(.seconds(2)), at: later) == [.standing(.lastResort)])
    }
}
