import Primitives
import SimulationKit
import Testing

/// Two to five routers on one LAN.
@Suite("The sweep over segments")
struct SegmentTests {
    static let seedsPerLane: UInt64 = 1000
    static let successions: [SegmentViolation.Invariant] = [
        .handsOverAtOnce, .takesOverInTime, .relievesLastResort,
    ]
    /// By what each defect is found; `docs/testing.md` has the same table.
    static let findings: [SegmentDefect: SegmentViolation.Invariant] = [
        .noSkew: .bestTakesOver,
        .noTieBreak: .atMostOneHolder,
        .neverPreempts: .converges,
        .noPriorityZero: .handsOverAtOnce,
        .noLease: .atMostOneHolder,
        .noGuard: .atMostOneHolder,
        .noStallGuard: .atMostOneHolder,
        .claimsAtOnce: .atMostOneHolder,
        .speaksBeforeRelease: .releasedBeforeSilence,
        .witnessLies: .isolatedHoldsNothing,
    ]

    @Test("no seed breaks an invariant", arguments: 0..<5 as Range<UInt64>)
    func sweep(lane: UInt64) {
        let clock = ContinuousClock()
        let start = clock.now
        var steps = 0
        var adoptions = 0
        var direct = 0
        var strokes: [SegmentFault.Kind: Int] = [:]
        var successions: [SegmentViolation.Invariant: Int] = [:]
        var overlaps: [SegmentExemption: Duration] = [:]
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
            let observed = run.segment.observed
            direct += observed.directAdvertisements
            strokes.merge(observed.strokes, uniquingKeysWith: +)
            successions.merge(observed.successions, uniquingKeysWith: +)
            overlaps.merge(observed.overlaps, uniquingKeysWith: max)
            #expect(observed.longestExcusedOverlap <= run.segment.longestOwnOverlap)
        }
        // What never strikes proves nothing.
        for kind in SegmentFault.Kind.allCases {
            #expect(strokes[kind, default: 0] > 0, "no \(kind) has struck a MASTER")
        }
        for invariant in Self.successions {
            #expect(successions[invariant, default: 0] > 0, "\(invariant) was never looked at")
        }
        #expect(adoptions > 0)
        #expect(direct > 0)
        print(
            "strokes: \(strokes.sorted { $0.value < $1.value }.map { "\($0.key) \($0.value)" }); "
                + "successions: \(successions.map { "\($0.key) \($0.value)" })"
        )
        print(
            "longest on two nodes: "
                + "\(overlaps.map { "\($0.key) \($0.value.milliseconds) ms" }.sorted())"
        )
        print(
            "segments: seeds \(first) to \(first + Self.seedsPerLane - 1) clean, \(steps) steps, "
                + "\(adoptions) adoptions, \(direct) direct advertisements, "
                + "\((clock.now - start).milliseconds) ms"
        )
    }

    /// Last resorts that `preempt_delay` kept where they were.
    @Test("seeds that have broken an invariant run clean", arguments: [114_184, 151_422])
    func mended(seed: UInt64) {
        var run = SegmentRun(seed: seed)
        #expect(run.run() == nil, "\(SegmentRun.report(of: seed, routers: 2...5))")
    }

    @Test("each defect is found by the invariant that it breaks", arguments: SegmentDefect.allCases)
    func defects(defect: SegmentDefect) {
        for seed in 1...5000 as ClosedRange<UInt64> {
            var run = SegmentRun(seed: seed, defect: defect)
            guard let violation = run.run() else { continue }
            print("defect \(defect) found by seed \(seed): \(violation)")
            #expect(violation.invariant == Self.findings[defect])
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
