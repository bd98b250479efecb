import Primitives
import SimulationKit
import Testing

@Suite("The sweep over seeds")
struct SeedSweepTests {
    /// The seeds are dealt out to as many cases, which run at the same time and let others in after each.
    static let lanes = 2

    @Test("no seed breaks an invariant", arguments: 0..<lanes)
    func sweep(lane: Int) async {
        let environment = SweepEnvironment()
        let clock = ContinuousClock()
        let start = clock.now
        var steps = 0
        var seeds = 0
        var longestOverlap = Duration.zero
        for seed in environment.seeds where seed % UInt64(Self.lanes) == UInt64(lane) {
            let run = inTheBackground {
                var run = SeedRun(seed: seed)
                run.run(steps: environment.steps)
                return run
            }
            await Task.yield()
            if run.world.violation != nil { Issue.record("\(run.report)") }
            steps += run.world.steps
            seeds += 1
            longestOverlap = max(longestOverlap, run.world.observations.longestOverlap)
        }
        print(
            "simulation: \(seeds) seeds, \(steps) steps, \((clock.now - start).milliseconds) ms; "
                + "longest time on two nodes (on a LAN that is cut) \(longestOverlap.milliseconds) ms"
        )
    }
}
