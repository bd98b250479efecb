import Primitives

/// One deadline a session, to within 16 ms, in constant time.
///
/// Activity does not touch the wheel: a session whose bucket comes up says when it is really due, and is put
/// back. What lies beyond the wheel's minute is looked at once a turn.
struct TimerWheel: ~Copyable {
    static let tick: Duration = .milliseconds(16)
    private static let tickNanoseconds: UInt64 = 16_000_000
    private static let size = 4096

    private var heads = [Int32](repeating: -1, count: size)
    /// All ticks before this one are done.
    private var position: UInt64

    init(at now: Instant) {
        position = now.nanoseconds / Self.tickNanoseconds
    }

    /// Never early; at once in the next tick if it is past.
    mutating func schedule(_ index: Int32, at instant: Instant, in slab: inout SessionSlab) {
        cancel(index, in: &slab)
        let wanted = instant.nanoseconds / Self.tickNanoseconds + 1
        let tick = min(max(wanted, position), position + UInt64(Self.size) - 1)
        let bucket = Int(tick % UInt64(Self.size))
        let next = heads[bucket]
        slab[index].timerBucket = Int32(bucket)
        slab[index].timerNext = next
        slab[index].timerPrevious = -1
        if next >= 0 { slab[next].timerPrevious = index }
        heads[bucket] = index
    }

    mutating func cancel(_ index: Int32, in slab: inout SessionSlab) {
        let bucket = slab[index].timerBucket
        guard bucket >= 0 else { return }
        let next = slab[index].timerNext
        let previous = slab[index].timerPrevious
        if previous >= 0 {
            slab[previous].timerNext = next
        } else {
            heads[Int(bucket)] = next
        }
        if next >= 0 { slab[next].timerPrevious = previous }
        slab[index].timerBucket = -1
        slab[index].timerNext = -1
        slab[index].timerPrevious = -1
    }

    /// Takes a session out whose bucket has come, or nil when there is none.
    mutating func nextDue(at now: Instant, in slab: inout SessionSlab) -> Int32? {
        let current = now.nanoseconds / Self.tickNanoseconds
        // After a long pause every bucket is looked at once, not once a tick that was missed.
        if current > position + UInt64(Self.size) { position = current - UInt64(Self.size) }
        while position <= current {
            let index = heads[Int(position % UInt64(Self.size))]
            if index >= 0 {
                cancel(index, in: &slab)
                return index
            }
            if position == current { return nil }
            position += 1
        }
        return nil
    }
}
