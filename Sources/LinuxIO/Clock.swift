import CLinux
package import Primitives

/// The clocks of this machine; only shells read them.
package enum Clock {
    /// `CLOCK_BOOTTIME`.
    package static var now: Instant { Instant(nanoseconds: tandem_boottime()) }

    /// Nanoseconds since 1970 by the wall clock: for people, never for decisions.
    package static var wall: UInt64 { tandem_realtime() }
}
