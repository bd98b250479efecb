import KeepalivedSyntax
import Primitives
import Tracking

/// How many instances of each tracked process run (keepalived.conf(5), `vrrp_track_process`): the quorum, and
/// the delays after which a change counts.
struct ProcessLedger: Equatable, Sendable {
    /// A tracked process whose outcome is another than before.
    struct Change: Equatable, Sendable {
        var name: String
        var succeeded: Bool
    }

    private struct Entry: Equatable, Sendable {
        var process: TrackedProcess
        var instances: Set<Int32> = []
        /// What the routers were told; nil: nothing yet.
        var succeeded: Bool?
        /// When what is so now will count.
        var countsAt: Instant?

        var isQuorate: Bool {
            instances.count >= process.quorum
                && process.quorumMaximum.map { instances.count <= $0 } ?? true
        }
    }

    private var entries: [Entry] = []

    init() {}

    var isEmpty: Bool { entries.isEmpty }

    func outcome(of name: String) -> Bool? {
        entries.first { $0.process.name == name }?.succeeded
    }

    func count(of name: String) -> Int {
        entries.first { $0.process.name == name }?.instances.count ?? 0
    }

    var nextDeadline: Instant? { entries.compactMap(\.countsAt).min() }

    /// Tracks these from now on; what is known of those that stay the same is kept.
    mutating func keep(_ processes: [TrackedProcess]) {
        let former = entries
        entries = processes.map { process in
            former.first { $0.process == process } ?? Entry(process: process)
        }
    }

    /// What runs, all of it. What was not known before counts at once.
    mutating func replace(by running: [RunningProcess], at now: Instant) -> [Change] {
        for index in entries.indices {
            let process = entries[index].process
            entries[index].instances = Set(running.filter(process.matches).map(\.pid))
        }
        return review(at: now)
    }

    /// A process as it is now; nil when it has gone.
    mutating func saw(_ process: RunningProcess?, pid: Int32, at now: Instant) -> [Change] {
        for index in entries.indices {
            if let process, entries[index].process.matches(process) {
                entries[index].instances.insert(pid)
            } else {
                entries[index].instances.remove(pid)
            }
        }
        return review(at: now)
    }

    /// A child is what its parent is, until it executes something.
    mutating func forked(_ child: Int32, from parent: Int32, at now: Instant) -> [Change] {
        var changed = false
        for index in entries.indices where entries[index].instances.contains(parent) {
            entries[index].instances.insert(child)
            changed = true
        }
        return changed ? review(at: now) : []
    }

    mutating func deadline(at now: Instant) -> [Change] { review(at: now) }

    private mutating func review(at now: Instant) -> [Change] {
        entries.indices.compactMap { index in
            let isQuorate = entries[index].isQuorate
            guard isQuorate != entries[index].succeeded else {
                entries[index].countsAt = nil
                return nil
            }
            let process = entries[index].process
            let delay = isQuorate ? process.forkDelay : process.terminateDelay
            let countsAt =
                entries[index].countsAt
                ?? (entries[index].succeeded == nil ? now : now + delay)
            guard countsAt <= now else {
                entries[index].countsAt = countsAt
                return nil
            }
            entries[index].countsAt = nil
            entries[index].succeeded = isQuorate
            return Change(name: process.name, succeeded: isQuorate)
        }
    }
}

extension TrackedProcess {
    /// The kernel's own name has 15 bytes; longer ones are compared as far as that.
    private static let nameLimit = 15

    func matches(_ running: RunningProcess) -> Bool {
        let own = running.arguments.first ?? ""
        let isProgram: Bool
        if comparesPath {
            isProgram = own == program
        } else {
            let name = program.lastPathPart
            isProgram =
                running.name.utf8.elementsEqual(name.utf8.prefix(Self.nameLimit))
                || own.lastPathPart == name
        }
        guard isProgram else { return false }
        switch match {
        case .name: return true
        case .arguments(let wanted, let kind):
            let given = Array(running.arguments.dropFirst())
            switch kind {
            case .equal: return given == wanted
            case .leading: return given.starts(with: wanted)
            case .beginning:
                guard let last = wanted.last, given.count >= wanted.count else {
                    return wanted.isEmpty
                }
                return given.starts(with: wanted.dropLast())
                    && given[wanted.count - 1].hasPrefix(last)
            }
        }
    }
}

extension String {
    fileprivate var lastPathPart: Substring {
        lastIndex(of: "/").map { self[index(after: $0)...] } ?? self[...]
    }
}
