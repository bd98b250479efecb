package import Primitives
import VRRP

/// What the invariants have to remember from step to step.
package struct Observations: Equatable, Sendable {
    /// When the last fault struck or ended.
    package internal(set) var lastFault: Instant = .zero
    /// When a paused machine last went on.
    package internal(set) var lastResumption: Instant?
    /// When an agent that did not run last went on.
    var lastOutage: Instant?
    /// When a process last stopped right behind an advertisement of its own.
    var lastRacingStop: Instant?
    var lastAdvertisement: [Instant?] = [nil, nil]
    /// How often a node took the address that did not have it, since the last fault.
    package internal(set) var takeoversInPeace = 0
    /// Since when each node's proxy has been unable to serve.
    var unfitSince: [Instant?] = [nil, nil]
    /// Since when each node has had the address.
    var heldSince: [Instant?] = [nil, nil]
    /// Since when each node has been well in everything that it needs to be MASTER.
    var fitSince: [Instant?] = [nil, nil]
    /// The longest time that both nodes had the address, permitted or not.
    package internal(set) var longestOverlap: Duration = .zero
    var currentOverlap: Duration = .zero

    package init() {}

    mutating func note(_ fault: Fault, at now: Instant) {
        lastFault = now
        takeoversInPeace = 0
    }

    mutating func overlapped(for duration: Duration) {
        currentOverlap = currentOverlap + duration
        longestOverlap = max(longestOverlap, currentOverlap)
    }
}

/// An invariant that was broken, and how.
package struct Violation: Error, Equatable, Sendable, CustomStringConvertible {
    package enum Invariant: String, Sendable {
        case atMostOneHolder
        case holderIsPermitted
        case releasedBeforeSilence
        case noFlapping
        case healthyPairConverges
        case queuesBounded
        case deadlineInFuture
    }

    package var invariant: Invariant
    package var text: String

    package var description: String { "\(invariant.rawValue): \(text)" }
}

extension World {
    /// Keeps the first violation.
    mutating func require(_ violation: Violation?) {
        guard self.violation == nil, let violation else { return }
        self.violation = violation
        transcript.add(.said("VIOLATION \(violation)"), on: nil, at: now)
    }

    /// Time passes, and nothing happens but what the kernels do by themselves.
    mutating func pass(to next: Instant) {
        let before = now
        now = next
        guard let first = vitals[0].heldUntil(at: before),
            let second = vitals[1].heldUntil(at: before)
        else {
            observations.currentOverlap = .zero
            return
        }
        let end = min(first, second, next)
        observations.overlapped(for: end - before)
        require(atMostOneHolder(from: before, to: end))
        if end < next { observations.currentOverlap = .zero }
    }

    /// After every step.
    mutating func checkInvariants() {
        observeFitness()
        for host in HostName.allCases { require(holderIsPermitted(host)) }
        require(noFlapping())
        require(queuesBounded())
    }

    private mutating func observeFitness() {
        let isImpaired = network.isImpaired
        for index in vitals.indices {
            observations.unfitSince[index] =
                vitals[index].proxyServes ? nil : observations.unfitSince[index] ?? now
            observations.heldSince[index] =
                vitals[index].heldUntil(at: now) == nil ? nil : observations.heldSince[index] ?? now
            observations.fitSince[index] =
                vitals[index].isFit && !isImpaired ? observations.fitSince[index] ?? now : nil
        }
    }
}
