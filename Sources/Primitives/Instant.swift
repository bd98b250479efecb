/// A point on the node's boot-time clock (`CLOCK_BOOTTIME`, nanoseconds since boot).
///
/// The clock goes on while a machine is suspended, so that a lease that ran out during a pause is seen
/// to have run out. Machines take an `Instant` with every event; none of them reads a clock.
///
/// What loops use for every event is inlinable: a call between modules costs more than what it does.
package struct Instant: Comparable, Hashable, Sendable {
    package var nanoseconds: UInt64

    @inlinable @inline(__always)
    package init(nanoseconds: UInt64) {
        self.nanoseconds = nanoseconds
    }

    @inlinable @inline(__always)
    package static var zero: Instant { Instant(nanoseconds: 0) }
    @inlinable @inline(__always)
    package static var distantFuture: Instant { Instant(nanoseconds: .max) }

    @inlinable @inline(__always)
    package static func < (left: Instant, right: Instant) -> Bool {
        left.nanoseconds < right.nanoseconds
    }

    // Without these, Comparable's own, which are calls through a table.
    @inlinable @inline(__always)
    package static func <= (left: Instant, right: Instant) -> Bool {
        left.nanoseconds <= right.nanoseconds
    }
    @inlinable @inline(__always)
    package static func > (left: Instant, right: Instant) -> Bool {
        left.nanoseconds > right.nanoseconds
    }
    @inlinable @inline(__always)
    package static func >= (left: Instant, right: Instant) -> Bool {
        left.nanoseconds >= right.nanoseconds
    }

    /// The instant `duration` later, saturated to the clock's range.
    package func advanced(by duration: Duration) -> Instant {
        let offset = duration.nanoseconds
        if offset >= 0 {
            let (sum, overflow) = nanoseconds.addingReportingOverflow(UInt64(offset))
            return overflow ? .distantFuture : Instant(nanoseconds: sum)
        }
        let back = offset.magnitude
        return Instant(nanoseconds: nanoseconds > back ? nanoseconds - back : 0)
    }

    /// The instant so many nanoseconds later, saturated; what loops use that turn for every event.
    @inlinable @inline(__always)
    package func advanced(byNanoseconds offset: UInt64) -> Instant {
        let (sum, overflow) = nanoseconds.addingReportingOverflow(offset)
        return overflow ? .distantFuture : Instant(nanoseconds: sum)
    }

    /// How long from `self` until `other`; negative when `other` is earlier.
    package func duration(to other: Instant) -> Duration {
        if other.nanoseconds >= nanoseconds {
            let difference = other.nanoseconds - nanoseconds
            return .nanoseconds(Int64(clamping: difference))
        }
        let difference = nanoseconds - other.nanoseconds
        return .nanoseconds(-Int64(clamping: difference))
    }

    package static func + (instant: Instant, duration: Duration) -> Instant {
        instant.advanced(by: duration)
    }

    package static func - (later: Instant, earlier: Instant) -> Duration {
        earlier.duration(to: later)
    }
}

extension Duration {
    /// Whole nanoseconds, saturated to 64 bits (292 years).
    package var nanoseconds: Int64 {
        let (seconds, attoseconds) = components
        let (scaled, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        if overflow { return seconds < 0 ? .min : .max }
        let (sum, carried) = scaled.addingReportingOverflow(attoseconds / 1_000_000_000)
        if carried { return seconds < 0 ? .min : .max }
        return sum
    }

    /// Whole milliseconds, truncated towards zero.
    package var milliseconds: Int64 { nanoseconds / 1_000_000 }

    /// Seconds with their fraction, for text and for JSON.
    package var inSeconds: Double { Double(nanoseconds) / 1e9 }
}
