import Primitives
import Testing

@testable import HealthChecks

@Suite struct ServerHealthTests {
    @Test("A server starts UP and its first failure takes it DOWN")
    func firstFailure() {
        var health = ServerHealth()
        #expect(health.isUp)
        #expect(health.failed() == .wentDown)
        #expect(health.value == 0)
        #expect(health.failed() == .none)
    }

    @Test("The first success gives full credit, and then it takes `fall` failures")
    func firstSuccess() {
        var health = ServerHealth()
        #expect(health.passed() == .counted)
        #expect(health.isFull)
        #expect(health.description == "3/3 UP")
        #expect(health.failed() == .counted)
        #expect(health.description == "2/3 UP")
        #expect(health.failed() == .counted)
        #expect(health.failed() == .wentDown)
        #expect(health.description == "0/2 DOWN")
    }

    @Test("It takes `rise` successes in a row to come up")
    func rise() {
        var health = ServerHealth(rise: 3, fall: 2)
        #expect(health.failed() == .wentDown)
        #expect(health.passed() == .counted)
        #expect(health.passed() == .counted)
        #expect(health.description == "2/3 DOWN")
        #expect(health.failed() == .counted)
        #expect(health.value == 0)
        #expect(
            [health.passed(), health.passed(), health.passed()] == [.counted, .counted, .cameUp]
        )
        #expect(health.isFull)
    }

    @Test(
        "Health is carried over to other settings",
        arguments: [(0, false), (1, false), (2, true), (4, true)]
    )
    func carriedOver(value: Int, up: Bool) {
        var old = ServerHealth()
        _ = old.failed()
        for _ in 0..<value { _ = old.passed() }
        let new = ServerHealth(rise: 4, fall: 2, carriedOver: old)
        #expect(new.isUp == up)
        #expect(new.isFull == old.isFull)
    }
}

@Suite struct ServerCheckTests {
    private func at(_ milliseconds: Int64) -> Instant { .zero + .milliseconds(milliseconds) }

    @Test("A check that is refused is followed by another after the interval")
    func refused() {
        var check = ServerCheck(settings: CheckSettings(), firstAt: at(0))
        #expect(check.handle(.deadline, at: at(0)) == [.connect])
        let effects = check.handle(.answered(.connectionProblem("Connection refused")), at: at(1))
        let outcome = CheckOutcome(
            .connectionProblem("Connection refused"),
            duration: .milliseconds(1)
        )
        #expect(effects == [.concluded(outcome, .wentDown)])
        #expect(check.nextDeadline == at(2001))
        #expect(
            outcome.reason
                == "Layer4 connection problem, info: \"Connection refused\", check duration: 1ms"
        )
    }

    @Test("A check without an answer is given up when its time is over, not before")
    func timeout() {
        var check = ServerCheck(settings: CheckSettings(), firstAt: at(0))
        #expect(check.handle(.deadline, at: at(0)) == [.connect])
        #expect(check.handle(.deadline, at: at(1999)) == [])
        let outcome = CheckOutcome(.timedOut, duration: .milliseconds(2000))
        #expect(
            check.handle(.deadline, at: at(2000)) == [.abandon, .concluded(outcome, .wentDown)]
        )
        #expect(check.nextDeadline == at(4000))
        #expect(check.handle(.answered(.passed), at: at(2100)) == [])
    }

    @Test("The interval follows the health: full, in between, nothing left")
    func intervals() {
        var check = ServerCheck(
            settings: CheckSettings(
                interval: .seconds(10),
                fastInterval: .seconds(1),
                downInterval: .seconds(5)
            ),
            firstAt: at(0)
        )
        func answer(_ result: CheckOutcome.Result) -> Duration {
            let now = check.nextDeadline
            _ = check.handle(.deadline, at: now)
            _ = check.handle(.answered(result), at: now)
            return check.currentInterval
        }
        let refusal = CheckOutcome.Result.connectionProblem("Connection refused")
        #expect(answer(.passed) == .seconds(10))
        #expect(answer(refusal) == .seconds(1))
        #expect(answer(refusal) == .seconds(1))
        #expect(answer(refusal) == .seconds(5))
        #expect(answer(.passed) == .seconds(1))
        #expect(answer(.passed) == .seconds(10))
    }

    @Test("A refresh checks at once, and once")
    func refresh() {
        var check = ServerCheck(settings: CheckSettings(), firstAt: at(5000))
        #expect(check.handle(.deadline, at: at(0)) == [])
        #expect(check.handle(.runNow, at: at(1)) == [.connect])
        #expect(check.handle(.runNow, at: at(2)) == [])
    }

    @Test("A check that was asked for does not move those that follow")
    func keepsPlace() {
        var check = ServerCheck(settings: CheckSettings(), firstAt: at(500))
        #expect(check.handle(.runNow, at: at(0)) == [.connect])
        _ = check.handle(.answered(.passed), at: at(1))
        #expect(check.nextDeadline == at(500))
        #expect(check.handle(.deadline, at: at(500)) == [.connect])
        _ = check.handle(.answered(.passed), at: at(501))
        #expect(check.nextDeadline == at(2501))
        #expect(check.handle(.runNow, at: at(1000)) == [.connect])
        _ = check.handle(.answered(.passed), at: at(1001))
        #expect(check.nextDeadline == at(2501))
    }

    @Test("spread-checks varies the interval both ways, and no further")
    func varies() {
        let settings = CheckSettings(interval: .seconds(2), spread: 20)
        var check = ServerCheck(settings: settings, firstAt: .zero, seed: 7)
        var gaps: [Int64] = []
        for _ in 0..<200 {
            let now = check.nextDeadline
            _ = check.handle(.deadline, at: now)
            _ = check.handle(.answered(.passed), at: now)
            gaps.append((check.nextDeadline - now).milliseconds)
        }
        #expect(gaps.allSatisfy { (1600...2400).contains($0) })
        #expect((gaps.min() ?? 0) < 1700 && (gaps.max() ?? 0) > 2300)
    }

    @Test("First checks are spread over the smallest interval, the first at once")
    func spread() {
        let times = (0..<4).map {
            CheckSchedule.firstCheck(
                of: $0,
                among: 4,
                smallestInterval: .seconds(2),
                from: .zero
            )
        }
        #expect(times == [at(0), at(500), at(1000), at(1500)])
    }
}

@Suite struct StateLineTests {
    @Test("State lines are HAProxy's")
    func lines() {
        let outcome = CheckOutcome(
            .connectionProblem("Connection refused"),
            duration: .milliseconds(0)
        )
        let down = StateLine.down(
            server: "be/s1",
            reason: outcome.reason,
            BackendTally(active: 0, backup: 0)
        )
        #expect(
            down.text
                == "Server be/s1 is DOWN, reason: Layer4 connection problem, info: \"Connection refused\", "
                + "check duration: 0ms. 0 active and 0 backup servers left. 0 sessions active, "
                + "0 requeued, 0 remaining in queue."
        )
        #expect(down.level == .alert)
        let up = StateLine.up(
            server: "be/s1",
            reason: CheckOutcome(.passed, duration: .milliseconds(2)).reason,
            BackendTally(active: 0, backup: 1)
        )
        #expect(
            up.text
                == "Server be/s1 is UP, reason: Layer4 check passed, check duration: 2ms. 0 active and "
                + "1 backup servers online. Running on backup. 0 sessions requeued, 0 total in queue."
        )
        var health = ServerHealth()
        _ = health.passed()
        _ = health.failed()
        #expect(
            StateLine.check(server: "be/s1", isBackup: false, outcome, health).text
                == "Health check for server be/s1 failed, reason: Layer4 connection problem, "
                + "info: \"Connection refused\", check duration: 0ms, status: 2/3 UP."
        )
        #expect(StateLine.noServer(proxy: "be").level == .emergency)
    }
}
