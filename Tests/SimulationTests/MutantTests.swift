import SimulationKit
import Testing

/// The sweep is worth what it catches: each defect that is built into the world has to be found, by the
/// invariant that it breaks.
@Suite("Mutants")
struct MutantTests {
    static let mostSeeds: UInt64 = 300

    @Test("each defect is found by a sweep", arguments: Mutation.allCases)
    func found(mutation: Mutation) {
        for seed in 1...Self.mostSeeds {
            var run = SeedRun(seed: seed, mutation: mutation)
            guard let violation = run.run() else { continue }
            print("mutant \(mutation) found by seed \(seed): \(violation)")
            return
        }
        Issue.record("\(mutation) survived \(Self.mostSeeds) seeds")
    }
}
