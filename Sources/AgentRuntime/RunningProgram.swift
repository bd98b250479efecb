import Glibc
import LinuxIO
import Messages
import Primitives

/// Why a program did not begin.
struct ProgramError: Error, Equatable, Sendable {
    var reason: String
}

/// A script while it runs: in a process group of its own, as its user, with a clean environment and nothing
/// to read or to write to. The kernel may kill it for want of memory, whatever protects the agent.
final class RunningProgram {
    enum Purpose: Equatable {
        case check(String)
        case notify(String)
        case keep(String)

        var name: String {
            switch self {
            case .check(let name), .notify(let name), .keep(let name): name
            }
        }
    }

    static let environment = [
        "PATH=" + MachineFacts.searchPath.joined(separator: ":"),
        "LANG=C",
    ]
    /// Between SIGTERM and SIGKILL.
    static let grace: Duration = .seconds(2)
    /// After SIGKILL; only the kernel can hold a process longer.
    static let patience: Duration = .seconds(10)

    private enum Phase {
        case running(until: Instant)
        case terminated(killAt: Instant)
        case killed(giveUpAt: Instant)
    }

    let purpose: Purpose
    let process: ChildProcess
    let startedAt: Instant
    /// Nobody wants to know what becomes of it.
    var isUnwanted = false
    private var phase: Phase
    private var ranTooLong = false

    init(
        _ order: ProgramOrder,
        _ purpose: Purpose,
        limit: Duration?,
        at now: Instant
    ) throws(ProgramError) {
        guard let name = order.arguments.first, let path = MachineFacts.path(of: name) else {
            throw ProgramError(
                reason: "there is no program '\(order.arguments.first ?? "")'"
            )
        }
        let group = order.group.isEmpty ? nil : order.group
        guard let user = UserIdentity.named(order.user, group: group) else {
            throw ProgramError(
                reason: "there is no user '\(order.user)'"
                    + (group.map { " or group '\($0)'" } ?? "")
            )
        }
        var spawn = Spawn(path: path, arguments: order.arguments, environment: Self.environment)
        spawn.user = user
        spawn.group = .own
        spawn.dieWithParent = true
        spawn.shedsOOMProtection = true
        do throws(SystemCallError) {
            process = try spawn.start()
        } catch {
            throw ProgramError(reason: "\(error)")
        }
        self.purpose = purpose
        startedAt = now
        phase = .running(until: limit.map { now + $0 } ?? .distantFuture)
    }

    /// When `enforceLimit` has something to do.
    var deadline: Instant? {
        switch phase {
        case .running(let instant), .terminated(let instant), .killed(let instant): instant
        }
    }

    func isDue(at now: Instant) -> Bool {
        deadline.map { $0 <= now } ?? false
    }

    /// The next step against a program that does not end by itself; false when there is none left.
    func enforceLimit(at now: Instant) -> Bool {
        switch phase {
        case .running:
            ranTooLong = true
            end(at: now)
        case .terminated:
            process.signalGroup(SIGKILL)
            phase = .killed(giveUpAt: now + Self.patience)
        case .killed: return false
        }
        return true
    }

    /// Asks it to end.
    func end(at now: Instant) {
        guard case .running = phase else { return }
        process.signalGroup(SIGTERM)
        phase = .terminated(killAt: now + Self.grace)
    }

    func outcome(of cause: ExitCause) -> ProgramOutcome {
        // What it started itself ends with it.
        if case .running = phase {} else { process.signalGroup(SIGKILL) }
        if ranTooLong { return .timedOut }
        return switch cause {
        case .exited(let status): .exited(UInt8(truncatingIfNeeded: status))
        case .signalled(let number): .signalled(UInt8(truncatingIfNeeded: number))
        }
    }
}
