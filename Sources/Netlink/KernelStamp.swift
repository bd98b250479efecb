package import Primitives

/// `tstamp` of `struct ifa_cacheinfo` (linux/if_addr.h): hundredths of a second by the kernel's ticks.
package struct KernelStamp: Equatable, Sendable {
    /// Since the first tick; it wraps after 497 days.
    package var hundredths: UInt32

    package init(hundredths: UInt32) {
        self.hundredths = hundredths
    }

    /// The stamped moment, seen from `now`, or an earlier one, never a later one: ticks begin some tenths of a
    /// second after the clock and stand still while the machine is suspended. Ticks that are ahead of the clock
    /// make it 497 days old.
    package func instant(before now: Instant) -> Instant {
        let elapsed = UInt32(truncatingIfNeeded: now.nanoseconds / Self.hundredth) &- hundredths
        let age = (UInt64(elapsed) + 1) * Self.hundredth
        return Instant(nanoseconds: now.nanoseconds > age ? now.nanoseconds - age : 0)
    }

    private static let hundredth: UInt64 = 10_000_000
}
