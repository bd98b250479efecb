import SimulationKit
import Testing

/// The sweep is worth what it catches: each defect that is built into the world has to be found, by the
/// invariant that it breaks.
@Suite("Mutants")
struct MutantTests {
    static let mostSeeds: UInt64 = 300

    /// `docs/testing.md` has the same table.
    static let findings: [Mutation: Violation.Invariant] = [
        .stallGuardBlinded: .atMostOneHolder,
        .stepDownOrderReversed: .releasedBeforeSilence,
        .tieBreakRemoved: .atMostOneHolder,
        .claimedAtOnce: .atMostOneHolder,
        .lifetimeIgnored: .atMostOneHolder,
        .hungProxyBeats: .holderIsPermitted,
        .higherPriorityIgnored: .atMostOneHolder,
    ]

    @Test("each defect is found by the invariant that it breaks", arguments: Mutation.allCases)
    func found(mutation: Mutation) async {
        for seed in 1...Self.mostSeeds {
            let violation = inTheBackground {
                var run = SeedRun(seed: seed, mutation: mutation)
                return run.run()
            }
            await Task.yield()
            guard let violation else { continue }
            print("mutant \(mutation) found by seed \(seed): \(violation)")
            #expect(violation.invariant == Self.findings[mutation])
            return
        }
        Issue.record("\(mutation) survived \(Self.mostSeeds) seeds")
    }
}
