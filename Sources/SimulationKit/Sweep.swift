import Primitives

/// One seed's life of a pair: faults as planned, then peace, and every invariant after every step.
package struct SeedRun: Sendable {
    package let seed: UInt64
    package let settings: PairSettings
    package let plan: FaultPlan
    package private(set) var world: World

    /// Half of the seeds leave the LAN alone: there the address is never on two nodes at all.
    package init(seed: UInt64, mutation: Mutation? = nil, keepsTranscript: Bool = false) {
        var random = SeededGenerator(seed: seed)
        self.seed = seed
        settings = PairSettings(using: &random)
        plan = FaultPlan(
            faults: Int(random.next() % 4) + 1,
            within: .seconds(12),
            withNetwork: random.chance(percent: 50),
            using: &random
        )
        world = World(
            seed: random.next(),
            settings: settings,
            mutation: mutation,
            keepsTranscript: keepsTranscript
        )
        for entry in plan.entries {
            world.inject(entry.fault, after: entry.begins)
            if let lasts = entry.lasts { world.mend(entry.fault, after: entry.begins + lasts) }
        }
    }

    /// Runs the plan to its end, or for as many steps at most, and then lets the pair find together.
    @discardableResult
    package mutating func run(steps limit: Int = .max) -> Violation? {
        let end = world.now + plan.end
        while world.violation == nil, world.now < end, world.steps < limit { world.step() }
        guard world.violation == nil else { return world.violation }
        world.mendEverything()
        world.run(for: World.convergenceTime)
        world.require(world.healthyPairConverges())
        return world.violation
    }

    /// What a failure prints: how to see it again, and the end of the story.
    package var report: String {
        """
        seed \(seed), step \(world.steps): \(world.violation.map(\.description) ?? "no violation")
        again with: TANDEM_SIM_SEED=\(seed) swift test --filter SimulationTests
        pair: \(settings)
        plan: \(plan.entries)
        \(world.transcript.tail)
        """
    }
}
