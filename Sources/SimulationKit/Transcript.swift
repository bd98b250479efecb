package import Primitives
package import Supervision
package import VRRP

/// What happened in a simulated world, a line for each thing worth reading.
package struct Transcript: Equatable, Sendable {
    package struct Line: Equatable, Sendable {
        package var at: Instant
        package var host: HostName?
        package var what: What
    }

    package enum What: Equatable, Sendable {
        case fault(Fault)
        case mended(Fault)
        case handled(RouterEvent)
        case did(RouterEffect)
        case decided(JournalEntry)
        case said(String)
    }

    /// How many lines a failure prints.
    package static let tailLength = 20

    private let keepsAll: Bool
    package private(set) var lines: [Line] = []

    /// A sweep keeps only the end; a test that compares two runs keeps everything.
    package init(keepsAll: Bool) {
        self.keepsAll = keepsAll
    }

    package mutating func add(_ what: What, on host: HostName?, at now: Instant) {
        lines.append(Line(at: now, host: host, what: what))
        if !keepsAll, lines.count >= 4 * Self.tailLength {
            lines.removeFirst(lines.count - Self.tailLength)
        }
    }

    package var tail: String {
        lines.suffix(Self.tailLength).map(\.description).joined(separator: "\n")
    }
}

extension Transcript.Line: CustomStringConvertible {
    package var description: String {
        let milliseconds = at.nanoseconds / 1000 % 1_000_000
        let fraction = String(1_000_000 + milliseconds).dropFirst()
        let time = "\(at.nanoseconds / 1_000_000_000).\(fraction)"
        return "\(time) \(host.map(\.description) ?? "lan"): \(what)"
    }
}

extension Transcript.What: CustomStringConvertible {
    package var description: String {
        switch self {
        case .fault(let fault): "FAULT \(fault)"
        case .mended(let fault): "mended \(fault)"
        case .handled(let event): "<- \(event)"
        case .did(let effect): "-> \(effect)"
        case .decided(let entry): "\(entry.event): \(entry.decision) (\(entry.reason))"
        case .said(let text): text
        }
    }
}
