import SimulationKit
import Testing

@Suite("The simulation itself")
struct DeterminismTests {
    @Test(
        "the same seed writes the same transcript, line for line",
        arguments: 1...20 as ClosedRange<UInt64>
    )
    func sameSeedSameTranscript(seed: UInt64) {
        var first = SeedRun(seed: seed, keepsTranscript: true)
        var second = SeedRun(seed: seed, keepsTranscript: true)
        first.run()
        second.run()
        #expect(first.world.transcript.lines.count > 20)
        #expect(first.world.transcript == second.world.transcript)
        #expect(first.world == second.world)
    }

    @Test("another seed writes another one")
    func otherSeed() {
        var first = SeedRun(seed: 1, keepsTranscript: true)
        var second = SeedRun(seed: 2, keepsTranscript: true)
        first.run()
        second.run()
        #expect(first.world.transcript != second.world.transcript)
    }
}
