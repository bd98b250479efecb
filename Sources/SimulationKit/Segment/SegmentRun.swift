import Primitives
import VRRP

/// One seed's life of a segment: faults as planned, then peace, and every invariant after every step.
package struct SegmentRun: Sendable {
    package let seed: UInt64
    package private(set) var segment: Segment

    package init(
        seed: UInt64,
        routers: ClosedRange<Int> = 2...5,
        defect: SegmentDefect? = nil,
        keepsStory: Bool = false
    ) {
        var random = SeededGenerator(seed: seed)
        self.seed = seed
        let plan = SegmentPlan(routers: routers, using: &random)
        segment = Segment(
            seed: random.next(),
            plan: plan,
            defect: defect,
            keepsStory: keepsStory
        )
    }

    @discardableResult
    package mutating func run() -> SegmentViolation? {
        segment.run(until: segment.now + segment.plan.end)
        guard segment.violation == nil else { return segment.violation }
        segment.mendEverything()
        segment.run(until: segment.now + segment.settlingTime)
        guard segment.violation == nil else { return segment.violation }
        segment.requireConvergence()
        return segment.violation
    }

    /// What a failure prints: how to see it again, and the end of the story.
    package static func report(of seed: UInt64, routers: ClosedRange<Int>) -> String {
        var run = SegmentRun(seed: seed, routers: routers, keepsStory: true)
        run.run()
        let segment = run.segment
        let router = segment.plan.settings[0][0]
        return """
            seed \(seed), step \(segment.steps): \
            \(segment.violation.map(\.description) ?? "no violation")
            again with: scripts/simulate --from \(seed) --seeds 1 \
            --routers \(routers.lowerBound)..\(routers.upperBound)
            \(segment.plan.settings.count) nodes, \(router.version), \
            \(router.advertisementInterval), gateway \(segment.plan.hasGateway), priorities \
            \(segment.plan.settings.map { $0[0].basePriority })
            \(segment.story.suffix(60).joined(separator: "\n"))
            """
    }
}
