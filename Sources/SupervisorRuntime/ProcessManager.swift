import LinuxIO
import Logging
import Messages
import Primitives
import ServiceManager
import Supervision

/// Who does the process work: this program, or systemd. The decisions are the same.
enum ProcessManager {
    case standalone(StandaloneManager)
    case systemd(SystemdManager)

    /// The pid if it is known at once; systemd's is told later. Throws what failed before the program ran.
    func start(_ name: ProcessName, _ poller: borrowing Poller) throws(SystemCallError) -> Int32? {
        switch self {
        case .standalone(let manager): return try manager.start(name.rawValue, poller)
        case .systemd(let manager):
            manager.start(name.rawValue)
            return nil
        }
    }

    func stop(_ name: ProcessName, at now: Instant) {
        switch self {
        case .standalone(let manager): manager.stop(name.rawValue, at: now)
        case .systemd(let manager): manager.stop(name.rawValue)
        }
    }

    func kill(_ name: ProcessName) {
        switch self {
        case .standalone(let manager): manager.kill(name.rawValue)
        case .systemd(let manager): manager.kill(name.rawValue)
        }
    }

    func reload(_ name: ProcessName) {
        switch self {
        case .standalone(let manager): manager.reload(name.rawValue)
        case .systemd(let manager): manager.reload(name.rawValue)
        }
    }

    func clearStartLimit(of name: ProcessName) {
        guard case .systemd(let manager) = self else { return }
        manager.clearStartLimit(of: name.rawValue)
    }

    /// systemd empties its store itself when a unit has stopped.
    func forgetDescriptors(of name: ProcessName) {
        guard case .standalone(let manager) = self else { return }
        manager.forgetDescriptors(of: name.rawValue)
    }

    func owns(_ token: UInt64) -> Bool {
        switch self {
        case .standalone(let manager): manager.owns(token)
        case .systemd(let manager): manager.owns(token)
        }
    }

    /// What its descriptor brought.
    func ready(_ token: UInt64, _ poller: borrowing Poller, at now: Instant) -> [ServiceEvent] {
        switch self {
        case .standalone(let manager): manager.ready(token, at: now)
        case .systemd(let manager): manager.events(poller, at: now)
        }
    }

    /// What follows from the time alone.
    func passTime(_ poller: borrowing Poller, at now: Instant) -> [ServiceEvent] {
        switch self {
        case .standalone(let manager): manager.passTime(at: now)
        case .systemd(let manager): manager.events(poller, at: now)
        }
    }

    var nextDeadline: Instant? {
        switch self {
        case .standalone(let manager): manager.nextDeadline
        case .systemd(let manager): manager.nextDeadline
        }
    }

    /// The last bytes of what it wrote; nil: its output is in systemd's journal.
    func tail(_ name: ProcessName, bytes: Int) -> [UInt8]? {
        guard case .standalone(let manager) = self else { return nil }
        return manager.tail(name.rawValue, bytes: bytes)
    }

    /// True where the processes live on without the supervisor's doing, and end without it.
    var isSystemd: Bool {
        if case .systemd = self { true } else { false }
    }
}
