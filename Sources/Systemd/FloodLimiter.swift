import Primitives

/// Decides which log lines are too many: from one place in the source, about one subject, not more than
/// `burst` in `interval`. The rest is counted, and the count is told when the interval is over.
///
/// It keeps at most `capacity` places; when more are busy within one interval, those beyond share one count.
/// It neither writes nor reads a clock.
struct FloodLimiter: Equatable, Sendable {
    /// Where a line comes from and what it is about.
    struct Site: Hashable, Sendable {
        var file: String
        var line: UInt
        var subject: String

        fileprivate static let others = Site(file: "", line: 0, subject: "")
    }

    /// What was held back.
    struct Report: Equatable, Sendable {
        var count: UInt64
        /// The first line that was held back; its beginning, if it is long.
        var sample: String
        /// Since the first line of the interval.
        var within: Duration
    }

    private struct Window: Equatable, Sendable {
        var began: Instant
        var passed: Int
        var held: UInt64
        var sample: String
    }

    static let sampleLimit = 200

    let burst: Int
    let interval: Duration
    let capacity: Int
    private var windows: [Site: Window] = [:]
    /// When the oldest window ends.
    private var firstEnd: Instant = .distantFuture

    init(burst: Int = 20, interval: Duration = .seconds(10), capacity: Int = 512) {
        self.burst = burst
        self.interval = interval
        self.capacity = capacity
    }

    var sites: Int { windows.count }

    /// Whether the line is to be written. Ask `reports` first: a window that is over does not count.
    mutating func admits(_ site: Site, text: String, at now: Instant) -> Bool {
        var key = site
        if windows[key] == nil, windows.count >= capacity { key = .others }
        guard var window = windows[key] else {
            windows[key] = Window(began: now, passed: 1, held: 0, sample: "")
            firstEnd = min(firstEnd, now + interval)
            return true
        }
        if window.passed < burst {
            window.passed += 1
            windows[key] = window
            return true
        }
        if window.held == 0 { window.sample = text.clamped(toBytes: Self.sampleLimit) }
        window.held &+= 1
        windows[key] = window
        return false
    }

    /// Forgets the windows that are over, and returns what was held back in them.
    mutating func reports(at now: Instant) -> [Report] {
        guard firstEnd <= now else { return [] }
        var reports: [(began: Instant, report: Report)] = []
        var nextEnd = Instant.distantFuture
        for (site, window) in windows {
            let end = window.began + interval
            guard end <= now else {
                nextEnd = min(nextEnd, end)
                continue
            }
            windows[site] = nil
            guard window.held > 0 else { continue }
            let report = Report(
                count: window.held,
                sample: window.sample,
                within: now - window.began
            )
            reports.append((window.began, report))
        }
        firstEnd = nextEnd
        return reports.sorted { ($0.began, $0.report.sample) < ($1.began, $1.report.sample) }
            .map(\.report)
    }
}

extension FloodLimiter.Report: CustomStringConvertible {
    var description: String {
        let lines = count == 1 ? "1 more line" : "\(count) more lines"
        let seconds = max(1, within.milliseconds / 1000)
        return "\(lines) like this one within \(seconds) s were left out: \(sample)"
    }
}
