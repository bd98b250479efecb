import Testing

@testable import ServiceManager

@Suite("What systemd says of a unit, as events")
struct SystemdUnitTests {
    typealias Changes = [String: BusValue]

    static func state(_ active: String, _ sub: String, pid: Int64 = 0, job: Int64 = 0) -> Changes {
        [
            "ActiveState": .text(active), "SubState": .text(sub), "MainPID": .number(pid),
            "Job": .number(job),
        ]
    }
    static func end(_ result: String, code: Int64, status: Int64) -> Changes {
        [
            "Result": .text(result), "ExecMainCode": .number(code),
            "ExecMainStatus": .number(status),
        ]
    }
    static func with(_ one: Changes, _ other: Changes) -> Changes {
        one.merging(other) { _, newer in newer }
    }

    static let running = state("active", "running", pid: 10)
    static let killed = end("signal", code: 2, status: 9)

    struct Row: Sendable, CustomTestStringConvertible {
        var name: String
        var changes: [Changes]
        var events: [ServiceEvent]
        var testDescription: String { name }
    }

    static let rows: [Row] = [
        Row(
            name: "what runs at the first look was found",
            changes: [running],
            events: [.found("proxy", pid: 10)]
        ),
        Row(
            name: "what does not run is absent",
            changes: [state("inactive", "dead")],
            events: [.absent("proxy")]
        ),
        Row(
            name: "what ran and was stopped before the first look is an operator's",
            changes: [
                with(
                    state("inactive", "dead"),
                    ["InactiveEnterTimestampMonotonic": .number(7)]
                )
            ],
            events: [.foundStopped("proxy")]
        ),
        Row(
            name: "what ran before and is about to be started is absent",
            changes: [
                with(
                    state("inactive", "dead", job: 4),
                    ["InactiveEnterTimestampMonotonic": .number(7)]
                )
            ],
            events: [.absent("proxy")]
        ),
        Row(
            name: "what failed before the first look is absent",
            changes: [
                with(
                    with(state("inactive", "dead"), end("exit-code", code: 1, status: 1)),
                    ["InactiveEnterTimestampMonotonic": .number(7)]
                )
            ],
            events: [.absent("proxy")]
        ),
        Row(
            name: "what stops at the first look is waited for",
            changes: [state("deactivating", "stop-sigterm", pid: 10, job: 3)],
            events: []
        ),
        Row(
            name: "a death that systemd mends is told, and who comes next is not an operator's",
            changes: [
                running, with(state("activating", "auto-restart"), killed),
                state("activating", "start", pid: 11), state("active", "running", pid: 11),
            ],
            events: [
                .found("proxy", pid: 10), .exited("proxy", cause: "killed by SIGKILL"),
                .started("proxy", pid: 11), .ready("proxy"),
            ]
        ),
        Row(
            name: "a restart too fast to be told is seen by the pid",
            changes: [running, with(state("active", "running", pid: 11), killed)],
            events: [
                .found("proxy", pid: 10), .exited("proxy", cause: "killed by SIGKILL"),
                .started("proxy", pid: 11), .ready("proxy"),
            ]
        ),
        Row(
            name: "the watchdog is told once, and is the cause",
            changes: [
                running, state("deactivating", "stop-watchdog", pid: 10),
                state("deactivating", "stop-watchdog", pid: 10),
                with(
                    state("activating", "auto-restart"),
                    end("watchdog", code: 2, status: 9)
                ),
            ],
            events: [
                .found("proxy", pid: 10), .watchdogExpired("proxy"),
                .exited(
                    "proxy",
                    cause: "killed by systemd's watchdog: its loop did not turn"
                ),
            ]
        ),
        Row(
            name: "a spent start limit is the end",
            changes: [
                running, with(state("activating", "auto-restart"), killed),
                state("failed", "failed"),
            ],
            events: [
                .found("proxy", pid: 10), .exited("proxy", cause: "killed by SIGKILL"),
                .gaveUp("proxy", cause: "killed by SIGKILL"),
            ]
        ),
        Row(
            name: "systemctl stop is an operator's wish",
            changes: [
                running, with(state("inactive", "dead"), end("success", code: 1, status: 0)),
            ],
            events: [
                .found("proxy", pid: 10), .stoppedElsewhere("proxy"),
                .exited("proxy", cause: "stopped by systemctl"),
            ]
        ),
        Row(
            name: "systemctl start is an operator's wish",
            changes: [
                state("inactive", "dead"), state("activating", "start", pid: 10), running,
            ],
            events: [
                .absent("proxy"), .startedElsewhere("proxy"), .started("proxy", pid: 10),
                .ready("proxy"),
            ]
        ),
    ]

    @Test("Each course of a unit becomes its events", arguments: rows)
    func course(_ row: Row) {
        var unit = UnitTracker(name: "proxy")
        var events: [ServiceEvent] = []
        for change in row.changes {
            events += unit.update(change)
            if unit.needsLook { events += unit.update([:], isLook: true) }
        }
        #expect(events == row.events)
    }

    @Test("A moment of failure is not believed before systemd was asked")
    func looks() {
        var unit = UnitTracker(name: "proxy")
        _ = unit.update(Self.running)
        #expect(unit.update(Self.with(Self.state("failed", "failed"), Self.killed)) == [])
        #expect(unit.needsLook)
        #expect(
            unit.update(Self.state("activating", "auto-restart"), isLook: true)
                == [.exited("proxy", cause: "killed by SIGKILL")]
        )
        #expect(!unit.needsLook)
    }

    @Test("A stop and a start that the supervisor asked for are nobody else's")
    func asked() {
        var unit = UnitTracker(name: "proxy")
        _ = unit.update(Self.running)
        unit.expectStop()
        #expect(unit.update(Self.state("deactivating", "stop-sigterm", pid: 10, job: 3)) == [])
        #expect(!unit.stopsUnasked)
        let down = Self.with(
            Self.state("inactive", "dead"),
            Self.end("success", code: 1, status: 0)
        )
        #expect(unit.update(down) == [.exited("proxy", cause: "exited with status 0")])
        unit.expectStart()
        #expect(unit.update(Self.state("inactive", "dead")) == [])
        unit.startIsAnswered()
        #expect(unit.update(Self.state("inactive", "dead", job: 4)) == [])
        let started = unit.update(Self.state("active", "running", pid: 12))
        #expect(started == [.started("proxy", pid: 12), .ready("proxy")])
    }

    @Test(
        "A stop with a job that nobody asked for is an operator's; without a job it is the process's own"
    )
    func stopsUnasked() {
        for (job, isOperators) in [(Int64(3), true), (0, false)] {
            var unit = UnitTracker(name: "proxy")
            _ = unit.update(Self.running)
            _ = unit.update(Self.state("deactivating", "stop-sigterm", pid: 10, job: job))
            #expect(unit.stopsUnasked == isOperators)
        }
    }

    @Test(
        "Down with a job left is a restart that was faster than the question; without one, a stop"
    )
    func fastRestart() {
        for (job, isRestart) in [(Int64(3), true), (0, false)] {
            var unit = UnitTracker(name: "proxy")
            _ = unit.update(Self.running)
            let down = Self.with(
                Self.state("inactive", "dead", job: job),
                Self.end("success", code: 1, status: 0)
            )
            #expect(unit.update(down) == [])
            #expect(unit.needsLook)
            #expect(
                unit.update([:], isLook: true)
                    == (isRestart
                        ? [
                            .restartedElsewhere("proxy"),
                            .exited("proxy", cause: "restarted by systemctl"),
                        ]
                        : [
                            .stoppedElsewhere("proxy"),
                            .exited("proxy", cause: "stopped by systemctl"),
                        ])
            )
            #expect(unit.properties.isBetweenStopAndStart == isRestart)
        }
    }
}
