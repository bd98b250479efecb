import Primitives
import Testing

@testable import Netlink

@Suite("The kernel's stamp of an address")
struct KernelStampTests {
    /// Milliseconds since boot, hundredths of the stamp, the milliseconds since boot that it stands for.
    @Test(arguments: [
        (12_345, 1_200, 11_995),
        (12_349, 1_234, 12_339),
        // After 500 days the stamp has wrapped.
        (43_200_000_000, UInt32(truncatingIfNeeded: 4_320_000_000 - 150), 43_199_998_490),
    ])
    func `a stamp is never taken to be later than it is`(
        _ now: UInt64,
        _ stamp: UInt32,
        _ expected: UInt64
    ) {
        let instant = KernelStamp(hundredths: stamp).instant(
            before: Instant(nanoseconds: now * 1_000_000)
        )
        #expect(instant == Instant(nanoseconds: expected * 1_000_000))
        #expect(instant.nanoseconds <= UInt64(stamp) * 10_000_000 || now > 1 << 32)
    }

    @Test func `a stamp ahead of the clock is very old`() {
        let now = Instant(nanoseconds: 50_000_000_000)
        #expect(KernelStamp(hundredths: 5_001).instant(before: now) == .zero)
    }
}
