import Primitives
import Testing

@testable import VRRP

/// One row of the table of `VirtualRouter`.
struct TransitionRow: CustomTestStringConvertible, Sendable {
    var name: String
    var from: @Sendable () -> RouterFixture
    var event: RouterEvent
    /// After the state was entered.
    var after: Duration = .zero
    var effects: [RouterEffect]
    var state: VisibleState
    /// From the event to the next deadline.
    var deadline: Duration?

    var testDescription: String { name }

    func event(of version: ProtocolVersion) -> RouterEvent {
        switch event {
        case .received(var advertisement, let sender):
            advertisement.version = version
            return .received(advertisement, from: sender)
        case .reconfigured(var settings):
            settings.version = version
            return .reconfigured(settings)
        default: return event
        }
    }

    static let own = RouterFixture.own
    static let lower = RouterFixture.lowerPeer
    static let higher = RouterFixture.higherPeer
    static let down = RouterFixture.activeDownInterval
    static let skew = RouterFixture.skewTime

    static func heard(_ priority: UInt8, _ sender: IPAddress = higher) -> RouterEvent {
        .received(RouterFixture.advertisement(priority: priority), from: sender)
    }

    static let initialize: [TransitionRow] = [
        TransitionRow(
            name: "RFC 3768 §6.4.1: startup, priority below 255",
            from: { RouterFixture() },
            event: .start(source: own, faults: []),
            effects: [.releaseAddresses, .transition(.initialize, .backup, .started)],
            state: .backup,
            deadline: down
        ),
        TransitionRow(
            name: "RFC 3768 §6.4.1: startup of the owner",
            from: { RouterFixture { $0.basePriority = 255 } },
            event: .start(source: own, faults: []),
            effects: [
                .releaseAddresses, .advertise(priority: 255),
                .transition(.initialize, .active, .owner),
            ],
            state: .active,
            deadline: .milliseconds(20)
        ),
        TransitionRow(
            name: "keepalived: startup with the link down",
            from: { RouterFixture() },
            event: .start(source: own, faults: [.interfaceDown]),
            effects: [
                .releaseAddresses, .transition(.initialize, .fault, .fault(.interfaceDown)),
            ],
            state: .fault
        ),
        TransitionRow(
            name: "keepalived: startup without an address to send from",
            from: { RouterFixture() },
            event: .start(source: nil, faults: []),
            effects: [
                .releaseAddresses, .transition(.initialize, .fault, .fault(.noSourceAddress)),
            ],
            state: .fault
        ),
        TransitionRow(
            name: "keepalived: startup with a script of weight 0 that has not reported",
            from: {
                RouterFixture {
                    $0.tracks = [Track(subject: RouterFixture.script, weight: 0)]
                }
            },
            event: .start(source: own, faults: []),
            effects: [.releaseAddresses],
            state: .initialize
        ),
        TransitionRow(
            name: "RFC 3768 §6.4.1: Initialize hears nothing",
            from: {
                var fixture = RouterFixture()
                fixture.handle(.start(source: own, faults: [.interfaceDown]))
                return fixture
            },
            event: heard(200),
            effects: [],
            state: .fault
        ),
        TransitionRow(
            name: "keepalived: the fault is cleared",
            from: {
                var fixture = RouterFixture()
                fixture.handle(.start(source: own, faults: [.interfaceDown]))
                return fixture
            },
            event: .faultCleared(.interfaceDown),
            effects: [.transition(.fault, .backup, .faultsCleared)],
            state: .backup,
            deadline: down
        ),
        TransitionRow(
            name: "before the start nothing happens",
            from: { RouterFixture() },
            event: .fault(.interfaceDown),
            effects: [],
            state: .initialize
        ),
    ]

    static let backup: [TransitionRow] = [
        TransitionRow(
            name: "RFC 3768 §6.4.2: Master_Down_Timer fires",
            from: { .backup() },
            event: .deadline,
            after: down,
            effects: [.advertise(priority: 100), .transition(.backup, .active, .masterDown)],
            state: .active,
            deadline: .milliseconds(20)
        ),
        TransitionRow(
            name: "RFC 3768 §6.4.2: the timer has not fired yet",
            from: { .backup() },
            event: .deadline,
            after: down - .nanoseconds(1),
            effects: [],
            state: .backup,
            deadline: .nanoseconds(1)
        ),
        TransitionRow(
            name: "RFC 3768 §6.4.2: a higher priority sets the timer anew",
            from: { .backup() },
            event: heard(101, lower),
            after: .seconds(2),
            effects: [.note(.masterHeard(101, lower))],
            state: .backup,
            deadline: down
        ),
        TransitionRow(
            name: "RFC 3768 §6.4.2: an equal priority sets the timer anew, from whatever address",
            from: { .backup() },
            event: heard(100, lower),
            after: .seconds(2),
            effects: [.note(.masterHeard(100, lower))],
            state: .backup,
            deadline: down
        ),
        TransitionRow(
            name: "RFC 3768 §6.4.2: a lower priority is discarded, and the timer runs on",
            from: { .backup() },
            event: heard(99),
            after: .milliseconds(2609),
            effects: [.note(.masterHeard(99, higher)), .note(.lowerPriorityHeard(99, higher))],
            state: .backup,
            deadline: down - .milliseconds(2609)
        ),
        TransitionRow(
            name: "a lower priority is preempted by its last advertisement before the timer",
            from: { .backup() },
            event: heard(99),
            after: .milliseconds(2610),
            effects: [
                .note(.masterHeard(99, higher)), .note(.lowerPriorityHeard(99, higher)),
                .advertise(priority: 100),
                .transition(.backup, .active, .preempted(99, higher)),
            ],
            state: .active,
            deadline: .milliseconds(20)
        ),
        TransitionRow(
            name: "RFC 3768 §6.4.2: Preempt_Mode false honours a lower priority",
            from: { .backup { $0.preempt = false } },
            event: heard(99),
            after: .seconds(2),
            effects: [.note(.masterHeard(99, higher))],
            state: .backup,
            deadline: down
        ),
        TransitionRow(
            name: "nopreempt does not keep the address on a last resort",
            from: { .backup { $0.preempt = false } },
            event: heard(1),
            after: .seconds(2),
            effects: [.note(.masterHeard(1, higher)), .note(.lowerPriorityHeard(1, higher))],
            state: .backup,
            deadline: down - .seconds(2)
        ),
        TransitionRow(
            name: "RFC 3768 §6.4.2: priority 0 sets the timer to the skew time",
            from: { .backup() },
            event: heard(0),
            after: .seconds(2),
            effects: [],
            state: .backup,
            deadline: skew
        ),
        TransitionRow(
            name: "our own packet, come back, is nobody's",
            from: { .backup() },
            event: heard(200, own),
            after: .seconds(2),
            effects: [],
            state: .backup,
            deadline: down - .seconds(2)
        ),
        TransitionRow(
            name: "a step-down of a BACKUP lets nothing go",
            from: { .backup() },
            event: .stepDown(.proxyHung, hold: nil),
            effects: [],
            state: .backup,
            deadline: down
        ),
        TransitionRow(
            name: "a BACKUP has no address to lose",
            from: { .backup() },
            event: .addressesLost([RouterFixture.address]),
            effects: [],
            state: .backup,
            deadline: down
        ),
        TransitionRow(
            name: "keepalived: the link of a BACKUP goes down",
            from: { .backup() },
            event: .fault(.interfaceDown),
            effects: [.transition(.backup, .fault, .fault(.interfaceDown))],
            state: .fault
        ),
        TransitionRow(
            name: "RFC 3768 §6.4.2: shutdown",
            from: { .backup() },
            event: .shutdown,
            effects: [.transition(.backup, .initialize, .shutdown)],
            state: .initialize
        ),
    ]

    static let active: [TransitionRow] = [
        TransitionRow(
            name: "RFC 3768 §6.4.3: Adver_Timer fires; the lifetime is renewed in the same turn",
            from: { .active() },
            event: .deadline,
            after: .milliseconds(980),
            effects: [.renewAddresses, .advertise(priority: 100)],
            state: .active,
            deadline: .seconds(1)
        ),
        TransitionRow(
            name: "RFC 3768 §6.4.3: a higher priority takes over",
            from: { .active() },
            event: heard(101, lower),
            after: .milliseconds(500),
            effects: [
                .releaseAddresses, .advertise(priority: 100),
                .transition(.active, .backup, .higherPriority(101, lower)),
            ],
            state: .backup,
            deadline: down
        ),
        TransitionRow(
            name: "RFC 3768 §6.4.3: the same priority from a higher address takes over",
            from: { .active() },
            event: heard(100, higher),
            after: .milliseconds(500),
            effects: [
                .releaseAddresses, .advertise(priority: 100),
                .transition(.active, .backup, .higherPriority(100, higher)),
            ],
            state: .backup,
            deadline: down
        ),
        TransitionRow(
            name: "RFC 9568 §6.4.3: the same priority from a lower address is answered",
            from: { .active() },
            event: heard(100, lower),
            after: .milliseconds(500),
            effects: [
                .note(.rivalHeard(100, lower)), .renewAddresses, .advertise(priority: 100),
            ],
            state: .active,
            deadline: .milliseconds(500)
        ),
        TransitionRow(
            name: "RFC 3768 §6.4.3: priority 0 is answered",
            from: { .active() },
            event: heard(0, lower),
            after: .milliseconds(500),
            effects: [.renewAddresses, .advertise(priority: 100)],
            state: .active,
            deadline: .milliseconds(500)
        ),
        TransitionRow(
            name: "our own packet, come back, is no rival",
            from: { .active() },
            event: heard(200, own),
            after: .milliseconds(500),
            effects: [],
            state: .active,
            deadline: .milliseconds(480)
        ),
        TransitionRow(
            name: "a step-down releases first and speaks then",
            from: { .active() },
            event: .stepDown(.proxyHung, hold: nil),
            effects: [
                .releaseAddresses, .advertise(priority: 0),
                .transition(.active, .backup, .stepDown(.proxyHung)),
            ],
            state: .backup,
            deadline: down
        ),
        TransitionRow(
            name: "a step-down with a hold",
            from: { .active() },
            event: .stepDown(.operatorRequest, hold: .seconds(5)),
            effects: [
                .releaseAddresses, .advertise(priority: 0),
                .transition(.active, .backup, .stepDown(.operatorRequest)),
            ],
            state: .backup,
            deadline: .seconds(5)
        ),
        TransitionRow(
            name: "keepalived: the link of the MASTER goes down; nobody could hear priority 0",
            from: { .active() },
            event: .fault(.interfaceDown),
            effects: [
                .releaseAddresses, .transition(.active, .fault, .fault(.interfaceDown)),
            ],
            state: .fault
        ),
        TransitionRow(
            name: "keepalived: a tracked failure of weight 0 is said to the peer",
            from: {
                var fixture = RouterFixture {
                    $0.tracks = [Track(subject: RouterFixture.script, weight: 0)]
                }
                fixture.handle(.check(RouterFixture.script, succeeded: true))
                fixture.handle(.start(source: own, faults: []))
                while !fixture.router.holdsAddresses { _ = fixture.nextDeadline() }
                return fixture
            },
            event: .check(RouterFixture.script, succeeded: false),
            effects: [
                .releaseAddresses, .advertise(priority: 0),
                .transition(.active, .fault, .fault(.tracked(RouterFixture.script))),
            ],
            state: .fault
        ),
        TransitionRow(
            name: "whose advertisements nobody gets can't say that it gives up, either",
            from: { .active() },
            event: .fault(.cannotAdvertise),
            effects: [
                .releaseAddresses, .transition(.active, .fault, .fault(.cannotAdvertise)),
            ],
            state: .fault
        ),
        TransitionRow(
            name: "who can't have the addresses leaves them to the peer at once",
            from: { .active() },
            event: .fault(.cannotClaim),
            effects: [
                .releaseAddresses, .advertise(priority: 0),
                .transition(.active, .fault, .fault(.cannotClaim)),
            ],
            state: .fault
        ),
        TransitionRow(
            name: "the primary address is gone",
            from: { .active() },
            event: .sourceChanged(nil),
            effects: [
                .releaseAddresses, .transition(.active, .fault, .fault(.noSourceAddress)),
            ],
            state: .fault
        ),
        TransitionRow(
            name: "another primary address is made known at once",
            from: { .active() },
            event: .sourceChanged(higher),
            after: .milliseconds(500),
            effects: [.renewAddresses, .advertise(priority: 100)],
            state: .active,
            deadline: .seconds(1)
        ),
        TransitionRow(
            name: "a deleted address is put back",
            from: { .active() },
            event: .addressesLost([RouterFixture.address]),
            after: .milliseconds(980),
            effects: [
                .restoreAddresses([RouterFixture.address]),
                .note(.addressRestored(RouterFixture.address)),
            ],
            state: .active
        ),
        TransitionRow(
            name: "the stall guard: two silent intervals and a bit",
            from: { .active() },
            event: .deadline,
            after: .milliseconds(1981),
            effects: [
                .releaseAddresses,
                .transition(.active, .backup, .stalled(.milliseconds(2001))),
            ],
            state: .backup,
            deadline: down
        ),
        TransitionRow(
            name: "the stall guard comes before the event: priority 0 of the peer is not answered",
            from: { .active() },
            event: heard(0),
            after: .seconds(3),
            effects: [
                .releaseAddresses, .transition(.active, .backup, .stalled(.milliseconds(3020))),
            ],
            state: .backup,
            deadline: skew
        ),
        TransitionRow(
            name: "the last resort says priority 1 and stays while nobody objects",
            from: { .active() },
            event: .standing(.lastResort),
            after: .milliseconds(500),
            effects: [
                .note(.priorityChanged(from: 100, to: 1)), .renewAddresses,
                .advertise(priority: 1),
            ],
            state: .active,
            deadline: .seconds(1)
        ),
        TransitionRow(
            name: "RFC 3768 §6.4.3: shutdown",
            from: { .active() },
            event: .shutdown,
            effects: [
                .releaseAddresses, .advertise(priority: 0),
                .transition(.active, .initialize, .shutdown),
            ],
            state: .initialize
        ),
    ]
}

@Suite("The table of transitions")
struct TransitionTableTests {
    /// RFC 9568 §6.4 has the rows of RFC 3768 §6.4 with other names (Active for Master); what differs is in
    /// `Version3TableTests`.
    @Test(
        "each row does what its section says, in both versions",
        arguments: TransitionRow.initialize + TransitionRow.backup + TransitionRow.active,
        [ProtocolVersion.v2, .v3]
    )
    func row(_ row: TransitionRow, version: ProtocolVersion) {
        RouterFixture.$version.withValue(version) {
            var fixture = row.from()
            #expect(fixture.router.settings.version == version)
            let effects = fixture.handle(row.event(of: version), after: row.after)
            #expect(effects == row.effects)
            #expect(fixture.router.visibleState == row.state)
            if let deadline = row.deadline { #expect(fixture.timeLeft == deadline) }
        }
    }

    @Test("shutdown and fault leave no timer behind", arguments: [true, false])
    func noTimer(active: Bool) {
        for event in [RouterEvent.shutdown, .fault(.interfaceDown)] {
            var fixture = active ? RouterFixture.active() : .backup()
            fixture.handle(event)
            #expect(fixture.router.nextDeadline == nil)
        }
    }
}
