import Glibc
import Sessions

/// Deadlines of sessions (HAProxy configuration manual §4.2, `timeout …`).
extension Worker {
    mutating func arm(_ slot: Int32) {
        guard let deadline = deadline(of: slot)?.at else { return }
        wheel.arm(slot, at: deadline, in: slab)
    }

    private struct Deadline {
        var at: UInt64
        var cause: Termination.Cause
    }

    private func deadline(of slot: Int32) -> Deadline? {
        switch slab[slot].state {
        case .free: nil
        case .introducing: after(slab[slot].acceptedAt, slab[slot].clientTimeout, .clientTimedOut)
        case .queued: after(slab[slot].attemptAt, slab[slot].queueTimeout, .serverTimedOut)
        case .connecting: after(slab[slot].attemptAt, slab[slot].connectTimeout, .serverTimedOut)
        case .waiting: Deadline(at: slab[slot].retryAt, cause: .none)
        case .established: idleDeadline(of: slot)
        }
    }

    private func after(_ start: UInt64, _ timeout: UInt32, _ cause: Termination.Cause) -> Deadline?
    {
        timeout == 0 ? nil : Deadline(at: start + UInt64(timeout), cause: cause)
    }

    /// Each end has its own clock; `timeout tunnel` takes the place of both while neither has closed. An end
    /// that has said all and is owed nothing is not waited for.
    private func idleDeadline(of slot: Int32) -> Deadline? {
        let client = slab[slot].client
        let upstream = slab[slot].upstream
        let isHalfClosed = client.isShut || upstream.isShut
        if slab[slot].tunnelTimeout > 0, !isHalfClosed {
            return after(
                max(client.activeAt, upstream.activeAt),
                slab[slot].tunnelTimeout,
                .clientTimedOut
            )
        }
        let clientFin = slab[slot].clientFinTimeout
        let serverFin = slab[slot].serverFinTimeout
        let clientTimeout =
            client.isShut && clientFin > 0 ? clientFin : slab[slot].clientTimeout
        let serverTimeout =
            upstream.isShut && serverFin > 0 ? serverFin : slab[slot].serverTimeout
        let ofClient =
            client.hasEnded && !client.hasPending
            ? nil : after(client.activeAt, clientTimeout, .clientTimedOut)
        let ofServer =
            upstream.hasEnded && !upstream.hasPending
            ? nil : after(upstream.activeAt, serverTimeout, .serverTimedOut)
        guard let ofClient else { return ofServer }
        guard let ofServer else { return ofClient }
        return ofServer.at < ofClient.at ? ofServer : ofClient
    }

    /// Whatever is due at this turn.
    mutating func expire() {
        while let slot = wheel.popDue(now: now, in: slab) {
            guard let deadline = deadline(of: slot) else { continue }
            guard deadline.at <= now else {
                wheel.arm(slot, at: deadline.at, in: slab)
                continue
            }
            switch slab[slot].state {
            case .free: break
            case .introducing:
                finish(slot, Termination(deadline.cause, .connect), resetsClient: true)
            case .queued: finish(slot, Termination(deadline.cause, .queue))
            case .connecting: connectFailed(slot, ETIMEDOUT)
            case .waiting: tryAgain(slot)
            case .established: finish(slot, Termination(deadline.cause, .data))
            }
        }
    }
}
