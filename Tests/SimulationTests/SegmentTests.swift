import Primitives
import SimulationKit
import Testing

/// Two to five routers on one LAN.
@Suite("The sweep over segments")
struct SegmentTests {
    static let seedsPerLane: UInt64 = 1000

    @Test("no seed breaks an invariant", arguments: 0..<5 as Range<UInt64>)
    func sweep(lane: UInt64) {
        let clock = ContinuousClock()
        let start = clock.now
        var steps = 0
        var adoptions = 0
        var direct = 0
        let first = lane * Self.seedsPerLane + 1
        for seed in first..<first + Self.seedsPerLane {
            let run = inTheBackground {
                var run = SegmentRun(seed: seed)
                run.run()
                return run
            }
            if run.segment.violation != nil {
                Issue.record("\(SegmentRun.report(of: seed, routers: 2...5))")
                return
            }
            steps += run.segment.steps
            adoptions += run.segment.observed.adoptions
            direct += run.segment.observed.directAdvertisements
        }
        print(
            "segments: seeds \(first) to \(first + Self.seedsPerLane - 1) clean, \(steps) steps, "
                + "\(adoptions) adoptions, \(direct) direct advertisements, "
                + "\((clock.now - start).milliseconds) ms"
        )
    }

    @Test("each defect is found by a sweep", arguments: SegmentDefect.allCases)
    func defects(defect: SegmentDefect) {
        for seed in 1...5000 as ClosedRange<UInt64> {
            var run = SegmentRun(seed: seed, defect: defect)
            guard let violation = run.run() else { continue }
            print("defect \(defect) found by seed \(seed): \(violation)")
            return
        }
        Issue.record("\(defect) survived 5000 seeds")
    }

    @Test("the same seed makes the same run", arguments: 1...20 as ClosedRange<UInt64>)
    func deterministic(seed: UInt64) {
        var first = SegmentRun(seed: seed, keepsStory: true)
        var second = SegmentRun(seed: seed, keepsStory: true)
        first.run()
        second.run()
        #expect(first.segment == second.segment)
        #expect(first.segment.story.count > 5)
    }
}
