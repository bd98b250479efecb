import Primitives
import VRRP

extension World {
    /// After the LAN is whole again, both MASTERs have to hear each other: the next advertisement, and its
    /// way. Before that, on a LAN that loses packets, each is right to think that it is alone. A MASTER
    /// that hangs before it is heard again keeps the address for its lifetime.
    package static func overlapAfterHealing(interval: Duration) -> Duration {
        interval + .milliseconds(50)
    }

    /// A machine that was paused as MASTER still has the address when it goes on, until its agent runs.
    package static let overlapAfterResumption: Duration = .milliseconds(10)

    /// A MASTER that is stopped between its advertisement and the answer that preempts it neither hears the
    /// answer nor lets go: a way there, a way back, and the turns of two loops.
    package static let handOverRace: Duration = .milliseconds(6)

    /// The address is never on both nodes, whatever process is killed, stopped or thawed, unless the LAN
    /// keeps the nodes from hearing each other or a machine stood still.
    func atMostOneHolder(from start: Instant, to end: Instant) -> Violation? {
        guard end > start else { return nil }
        let mutual = Self.overlapAfterHealing(interval: settings.advertisementInterval)
        let hasHung = observations.lastOutage.map { start < $0 + mutual } ?? false
        let healing = hasHung || !isEveryAgentRunning ? mutual + lifetime : mutual
        guard network.isCalm(for: healing, at: start), !isPermittedByResumption(at: start),
            !isPermittedByRace(at: start)
        else { return nil }
        return Violation(
            invariant: .atMostOneHolder,
            text: "both nodes have the address for \((end - start).milliseconds) ms and more, "
                + "on a LAN that is well"
        )
    }

    /// An agent that does not run either can't help: then the rest of the lifetime counts.
    private func isPermittedByResumption(at start: Instant) -> Bool {
        guard let resumption = observations.lastResumption else { return false }
        return start < resumption + (isEveryAgentRunning ? Self.overlapAfterResumption : lifetime)
    }

    /// The lifetime ends that, too.
    private func isPermittedByRace(at start: Instant) -> Bool {
        observations.lastRacingStop.map { start < $0 + lifetime } ?? false
    }

    private var isEveryAgentRunning: Bool {
        vitals.allSatisfy(\.agentRuns)
    }

    private var lifetime: Duration {
        settings.router(of: .machine1).addressLifetime + SimulatedKernel.expiryLatency
    }

    /// Notes a process that stops or dies right behind an advertisement that it has sent.
    mutating func observeStop(of host: HostName) {
        guard self[host].isOn, let sent = observations.lastAdvertisement[host.rawValue],
            sent + Self.handOverRace > now
        else { return }
        observations.lastRacingStop = now
    }
}
