import Primitives
import VRRP

/// Announcements that wait for their turn: `vrrp_garp_interval`, `vrrp_gna_interval`, `garp_group`.
///
/// Each interface and family has a lane, in which every address is announced once before any is announced
/// again. An address that is ordered anew while it waits is announced the greater number of times, not the sum.
struct AnnouncementQueue: Equatable, Sendable {
    struct Lane: Hashable, Sendable {
        var interface: String
        var family: AddressFamily
    }

    /// One address of one router.
    struct Entry: Equatable, Sendable {
        var router: String
        var address: VirtualAddress
        var remaining: Int
    }

    private struct Line: Equatable, Sendable {
        var entries: [Entry] = []
        var pace: Duration
        /// When the next one may go.
        var nextAt: Instant
    }

    private var lines: [Lane: Line] = [:]

    var nextDeadline: Instant? {
        lines.values.filter { !$0.entries.isEmpty }.map(\.nextAt).min()
    }

    /// `pace`, above zero, is the time between two announcements of a lane.
    mutating func order(_ entry: Entry, in lane: Lane, pace: Duration, at now: Instant) {
        var line = lines[lane] ?? Line(pace: pace, nextAt: now)
        line.pace = pace
        line.nextAt = max(line.nextAt, now)
        let waiting = line.entries.firstIndex {
            $0.router == entry.router && $0.address == entry.address
        }
        if let waiting {
            line.entries[waiting].remaining = max(line.entries[waiting].remaining, entry.remaining)
        } else {
            line.entries.append(entry)
        }
        lines[lane] = line
    }

    /// The next that is due; `remaining` is what is left of it behind this one.
    mutating func next(at now: Instant) -> Entry? {
        for (lane, line) in lines where line.nextAt <= now {
            guard var entry = line.entries.first else { continue }
            var line = line
            line.entries.removeFirst()
            entry.remaining -= 1
            if entry.remaining > 0 { line.entries.append(entry) }
            line.nextAt = now + line.pace
            lines[lane] = line
            return entry
        }
        return nil
    }

    /// What a router no longer has, nobody announces.
    mutating func drop(_ address: VirtualAddress, of router: String) {
        for lane in lines.keys {
            lines[lane]?.entries.removeAll { $0.router == router && $0.address == address }
        }
    }
}
