import Glibc
import SimulationKit

/// `scripts/simulate`: a sweep over seeds, as long as one likes.
func sweep() -> Bool {
    var seeds: UInt64 = 100_000
    var first: UInt64 = 1
    var routers = 2...5
    var arguments = CommandLine.arguments.dropFirst()
    while let option = arguments.popFirst() {
        guard let value = arguments.popFirst() else { return usage() }
        switch (option, UInt64(value)) {
        case ("--seeds", let number?): seeds = number
        case ("--from", let number?): first = number
        case ("--routers", _):
            let ends = value.split(separator: ".").compactMap { Int($0) }
            guard let low = ends.first, let high = ends.last, (2...5).contains(low),
                (low...5).contains(high)
            else { return usage() }
            routers = low...high
        default: return usage()
        }
    }
    var clean = 0
    var steps = 0
    var broken: [UInt64] = []
    for seed in first..<first + seeds {
        var run = SegmentRun(seed: seed, routers: routers)
        if run.run() == nil { clean += 1 } else { broken.append(seed) }
        steps += run.segment.steps
        if broken.count == 1, broken[0] == seed {
            print(SegmentRun.report(of: seed, routers: routers))
        }
    }
    print("\(clean) of \(seeds) seeds ran clean, \(steps) steps")
    if !broken.isEmpty { print("broken: \(broken.prefix(20))") }
    return broken.isEmpty
}

func usage() -> Bool {
    print("usage: scripts/simulate [--seeds N] [--from S] [--routers 2..5]")
    return false
}

exit(sweep() ? 0 : 1)
