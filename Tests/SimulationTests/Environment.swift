import Glibc

/// `TANDEM_SIM_SEED` runs one seed, `TANDEM_SIM_SEEDS` so many from 1 on, `TANDEM_SIM_STEPS` no more steps
/// than that before everything is mended.
struct SweepEnvironment {
    static let usualSeeds = 2000

    let seeds: [UInt64]
    let steps: Int

    init() {
        if let seed = Self.number("TANDEM_SIM_SEED") {
            seeds = [UInt64(seed)]
        } else {
            seeds = Array(1...UInt64(max(Self.number("TANDEM_SIM_SEEDS") ?? Self.usualSeeds, 1)))
        }
        steps = Self.number("TANDEM_SIM_STEPS") ?? .max
    }

    private static func number(_ name: String) -> Int? {
        guard let value = unsafe getenv(name) else { return nil }
        return unsafe Int(String(cString: value)).flatMap { $0 >= 0 ? $0 : nil }
    }
}

/// Runs what needs a processor for long behind everything else: other tests of this process measure real
/// time. Only root can go back to where it was.
func inTheBackground<Result>(_ work: () -> Result) -> Result {
    let canReturn = geteuid() == 0
    if canReturn { setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, 15) }
    defer { if canReturn { setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, 0) } }
    return work()
}
