import Primitives
import Testing

@testable import Sessions

@Suite struct SessionTests {
    private func at(_ milliseconds: Int64) -> Instant { .zero + .milliseconds(milliseconds) }

    private let rules = ConnectRules(
        retries: 3,
        redispatch: -1,
        connectTimeout: .seconds(5),
        leavesAtOnce: true
    )

    private func connecting(_ rules: ConnectRules) -> Session {
        var session = Session(acceptedAt: .zero)
        #expect(session.handle(.assigned(elsewhere: false), at: .zero, rules: rules) == .connect)
        return session
    }

    @Test("A plain session ends with two dashes once both sides have ended")
    func plain() {
        var session = connecting(rules)
        #expect(session.handle(.connected, at: at(2), rules: rules) == .transfer)
        #expect(session.handle(.ended(.client), at: at(3), rules: rules) == .shutDown(.server))
        #expect(session.handle(.ended(.client), at: at(3), rules: rules) == .none)
        #expect(session.handle(.ended(.server), at: at(9), rules: rules) == .finish(reset: false))
        #expect(session.termination.text == "--")
        let times = SessionTimes(of: session, endedAt: at(9))
        #expect([times.waiting, times.connecting, times.total] == [0, 2, 9])
    }

    @Test("One server that refuses is tried four times, a second apart: SC after three seconds")
    func oneServerRefuses() {
        var session = connecting(rules)
        var now: Int64 = 0
        let refusal = Session.Event.connectFailed(.answered, active: 1, serverIsUsable: true)
        for attempt in 1...3 {
            #expect(session.handle(refusal, at: at(now), rules: rules) == .wait)
            #expect(session.deadline == at(now + 1000))
            let tick = Session.Event.deadline(active: 1, serverIsUsable: true)
            #expect(session.handle(tick, at: at(now + 999), rules: rules) == .none)
            now += 1000
            let next = session.handle(tick, at: at(now), rules: rules)
            // On the last retry redispatch lets it choose again.
            #expect(next == (attempt == 3 ? .choose : .connect))
            if next == .choose {
                let again = Session.Event.assigned(elsewhere: false)
                #expect(session.handle(again, at: at(now), rules: rules) == .connect)
            }
        }
        #expect(session.handle(refusal, at: at(3000), rules: rules) == .finish(reset: false))
        #expect(session.termination.text == "SC")
        #expect(session.attemptsFailed == 3)
        #expect(!session.wasRedispatched)
        let times = SessionTimes(of: session, endedAt: at(3006))
        #expect([times.waiting, times.connecting, times.total] == [3000, -1, 3006])
    }

    @Test("With a second server and round robin, a refusal is answered elsewhere at once")
    func redispatch() {
        var session = connecting(rules)
        let refusal = Session.Event.connectFailed(.answered, active: 2, serverIsUsable: true)
        #expect(session.handle(refusal, at: at(0), rules: rules) == .choose)
        let elsewhere = Session.Event.assigned(elsewhere: true)
        #expect(session.handle(elsewhere, at: at(0), rules: rules) == .connect)
        #expect(session.wasRedispatched)
        #expect(session.attemptsFailed == 1)
    }

    @Test("Without option redispatch, or where the client decides about the server, it waits first")
    func noRedispatch() {
        let refusal = Session.Event.connectFailed(.answered, active: 2, serverIsUsable: true)
        var stays = rules
        stays.redispatch = nil
        var session = connecting(stays)
        #expect(session.handle(refusal, at: at(0), rules: stays) == .wait)
        var source = rules
        source.leavesAtOnce = false
        session = connecting(source)
        #expect(session.handle(refusal, at: at(0), rules: source) == .wait)
        source.redispatch = 1
        session = connecting(source)
        #expect(session.handle(refusal, at: at(0), rules: source) == .choose)
    }

    @Test("A client that sticks to its server leaves it no sooner than on the last retry")
    func stuck() {
        var two = rules
        two.retries = 2
        var session = Session(acceptedAt: .zero)
        let stuck = Session.Event.assigned(elsewhere: false, isStuck: true)
        #expect(session.handle(stuck, at: .zero, rules: two) == .connect)
        let refusal = Session.Event.connectFailed(.answered, active: 2, serverIsUsable: true)
        #expect(session.handle(refusal, at: at(0), rules: two) == .wait)
        let tick = Session.Event.deadline(active: 2, serverIsUsable: true)
        #expect(session.handle(tick, at: at(1000), rules: two) == .connect)
        #expect(session.handle(refusal, at: at(1000), rules: two) == .choose)
        let elsewhere = Session.Event.assigned(elsewhere: true)
        #expect(session.handle(elsewhere, at: at(1000), rules: two) == .connect)
        #expect(!session.isStuck)
    }

    @Test("A source address that is not here is no end: the next attempt follows at once")
    func noSource() {
        var session = connecting(rules)
        let failure = Session.Event.connectFailed(.exhausted, active: 2, serverIsUsable: true)
        #expect(session.handle(failure, at: at(0), rules: rules) == .choose)
        var alone = connecting(rules)
        let again = Session.Event.connectFailed(.exhausted, active: 1, serverIsUsable: true)
        #expect(alone.handle(again, at: at(0), rules: rules) == .connect)
        #expect(alone.handle(again, at: at(0), rules: rules) == .connect)
        #expect(alone.handle(again, at: at(0), rules: rules) == .choose)
        #expect(alone.handle(.assigned(elsewhere: false), at: at(0), rules: rules) == .connect)
        #expect(alone.handle(again, at: at(0), rules: rules) == .finish(reset: false))
        #expect(alone.termination.text == "SC")
        var starved = connecting(rules)
        let none = Session.Event.connectFailed(.starved, active: 2, serverIsUsable: true)
        #expect(starved.handle(none, at: at(0), rules: rules) == .finish(reset: false))
        #expect(starved.termination.text == "RC")
    }

    @Test("The turn-around is never longer than the connect timeout")
    func turnAround() {
        #expect(rules.turnAround == .seconds(1))
        #expect(ConnectRules(connectTimeout: .milliseconds(300)).turnAround == .milliseconds(300))
        #expect(ConnectRules().turnAround == .seconds(1))
    }

    @Test("A server that went down is left even on the first retry")
    func downServer() {
        var session = connecting(rules)
        let refusal = Session.Event.connectFailed(.answered, active: 1, serverIsUsable: false)
        #expect(session.handle(refusal, at: at(0), rules: rules) == .wait)
        let tick = Session.Event.deadline(active: 1, serverIsUsable: false)
        #expect(session.handle(tick, at: at(1000), rules: rules) == .choose)
    }

    @Test("Attempts that time out follow each other without a pause: sC")
    func connectTimeout() {
        var patient = rules
        patient.connectTimeout = .milliseconds(1500)
        patient.redispatch = nil
        var session = connecting(patient)
        let tick = Session.Event.deadline(active: 1, serverIsUsable: true)
        for attempt in 1...3 {
            let now = Int64(attempt) * 1500
            #expect(session.handle(tick, at: at(now), rules: patient) == .connect)
        }
        #expect(session.handle(tick, at: at(6000), rules: patient) == .finish(reset: false))
        #expect(session.termination.text == "sC")
    }

    @Test("The queue's time is over: sQ, and the wait is told")
    func queueTimeout() {
        var session = Session(acceptedAt: .zero)
        #expect(session.handle(.busy, at: at(0), rules: rules) == .wait)
        #expect(session.deadline == at(5000))
        let tick = Session.Event.deadline(active: 1, serverIsUsable: true)
        #expect(session.handle(tick, at: at(5000), rules: rules) == .finish(reset: false))
        #expect(session.termination.text == "sQ")
        let times = SessionTimes(of: session, endedAt: at(5000))
        #expect([times.waiting, times.connecting, times.total] == [5000, -1, 5000])
    }

    @Test("A slot lets a queued session choose again")
    func slot() {
        var session = Session(acceptedAt: .zero)
        #expect(session.handle(.busy, at: at(0), rules: rules) == .wait)
        #expect(session.handle(.slotFree, at: at(10), rules: rules) == .choose)
        let assigned = Session.Event.assigned(elsewhere: false)
        #expect(session.handle(assigned, at: at(10), rules: rules) == .connect)
        #expect(session.handle(.connected, at: at(11), rules: rules) == .transfer)
        let times = SessionTimes(of: session, endedAt: at(20))
        #expect([times.waiting, times.connecting, times.total] == [10, 1, 20])
    }

    @Test(
        "How an established session ends tells who ended it",
        arguments: [
            (Session.Event.failed(.client), "CD"), (.failed(.server), "SD"),
            (.idle(.client), "cD"), (.idle(.server), "sD"), (.killed(.serverDown), "D-"),
            (.killed(.activeUp), "U-"), (.killed(.killed), "K-"),
        ]
    )
    func endings(event: Session.Event, code: String) {
        var session = connecting(rules)
        #expect(session.handle(.connected, at: at(1), rules: rules) == .transfer)
        _ = session.handle(event, at: at(2), rules: rules)
        #expect(session.termination.text == code)
        #expect(session.phase == .closed)
        #expect(session.handle(.ended(.client), at: at(3), rules: rules) == .none)
    }

    @Test("A client that leaves early tells where it left")
    func early() {
        var queued = Session(acceptedAt: .zero)
        _ = queued.handle(.busy, at: at(0), rules: rules)
        _ = queued.handle(.ended(.client), at: at(1), rules: rules)
        #expect(queued.termination.text == "CQ")
        var session = connecting(rules)
        _ = session.handle(.ended(.client), at: at(1), rules: rules)
        #expect(session.termination.text == "CC")
        var broken = connecting(rules)
        _ = broken.handle(.failed(.client), at: at(1), rules: rules)
        #expect(broken.termination.text == "CD")
        var silent = connecting(rules)
        _ = silent.handle(.idle(.client), at: at(1), rules: rules)
        #expect(silent.termination.text == "cC")
        var waiting = Session(acceptedAt: .zero)
        _ = waiting.handle(.busy, at: at(0), rules: rules)
        _ = waiting.handle(.idle(.client), at: at(1), rules: rules)
        #expect(waiting.termination.text == "cQ")
        var none = Session(acceptedAt: .zero)
        _ = none.handle(.noServer, at: at(0), rules: rules)
        #expect(none.termination.text == "SC")
        #expect(SessionTimes(of: none, endedAt: at(0)).waiting == -1)
    }
}

@Suite struct IdlenessTests {
    private func at(_ milliseconds: Int64) -> Instant { .zero + .milliseconds(milliseconds) }

    private func side(
        _ last: Int64,
        ended: Bool = false,
        shut: Bool = false,
        owes: Bool = false
    ) -> SideActivity {
        SideActivity(last: at(last), hasEnded: ended, wasShutDown: shut, owesRoom: owes)
    }

    private let timeouts = IdleTimeouts(client: .seconds(10), server: .seconds(10))

    @Test("Idle both ways with equal timeouts is the client's")
    func equal() throws {
        let found = try #require(timeouts.deadline(client: side(5), server: side(5)))
        #expect(found.side == .client)
        #expect(found.instant == at(10_005))
    }

    @Test("The shorter timeout decides")
    func shorter() throws {
        var timeouts = timeouts
        timeouts.server = .seconds(3)
        let found = try #require(timeouts.deadline(client: side(0), server: side(0)))
        #expect(found.side == .server)
        #expect(found.instant == at(3000))
    }

    @Test("After the client's end only the server is waited for")
    func halfClosed() throws {
        let found = try #require(
            timeouts.deadline(client: side(100, ended: true), server: side(0, shut: true))
        )
        #expect(found.side == .server)
        var fin = timeouts
        fin.serverFin = .milliseconds(700)
        let short = try #require(
            fin.deadline(client: side(100, ended: true), server: side(100, shut: true))
        )
        #expect(short.instant == at(800))
    }

    @Test("An ended side counts again while it does not take what waits for it")
    func owes() throws {
        let found = try #require(
            timeouts.deadline(client: side(0, ended: true, owes: true), server: side(9000))
        )
        #expect(found.side == .client)
    }

    @Test("tunnel takes the place of client and server; nothing set is for ever")
    func tunnel() throws {
        var timeouts = timeouts
        timeouts.tunnel = .seconds(60)
        let found = try #require(timeouts.deadline(client: side(0), server: side(0)))
        #expect(found.instant == at(60_000))
        #expect(IdleTimeouts().deadline(client: side(0), server: side(0)) == nil)
    }
}
