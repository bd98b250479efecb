import Primitives

/// One deadline a session, to within 16 ms, in constant time.
///
/// Activity does not touch the wheel: a session whose bucket comes up says when it is really due, and is put
/// back. What lies beyond the wheel's minute is looked at once a turn.
@safe struct TimerWheel: ~Copyable {
    static let tickNanoseconds: UInt64 = 16_000_000
    private static let size = 4096

    private let heads: PinnedRow<Int32>
    /// All ticks before this one are done.
    private var position: UInt64

    init(at now: Instant) {
        heads = PinnedRow([Int32](repeating: -1, count: Self.size))
        position = now.nanoseconds / Self.tickNanoseconds
    }

    deinit { heads.destroy() }

    /// Never early; a session that will be looked at before then stays where it is. At once in the next tick if it is past.
    @inline(__always)
    mutating func schedule(_ slot: Slot, at instant: Instant, in slab: borrowing SessionSlab) {
        if slot.pointee.timerBucket >= 0 {
            if slot.pointee.timerAt <= instant { return }
            cancel(slot, in: slab)
        }
        let wanted = instant.nanoseconds / Self.tickNanoseconds + 1
        let tick = min(max(wanted, position), position + UInt64(Self.size) - 1)
        let bucket = Int(tick % UInt64(Self.size))
        let next = heads[bucket]
        slot.pointee.timerBucket = Int32(truncatingIfNeeded: bucket)
        slot.pointee.timerAt = instant
        slot.pointee.timerNext = next
        slot.pointee.timerPrevious = -1
        if next >= 0 { slab[next].pointee.timerPrevious = slot.pointee.index }
        heads[bucket] = slot.pointee.index
    }

    mutating func cancel(_ slot: Slot, in slab: borrowing SessionSlab) {
        let bucket = slot.pointee.timerBucket
        guard bucket >= 0 else { return }
        let next = slot.pointee.timerNext
        let previous = slot.pointee.timerPrevious
        if previous >= 0 {
            slab[previous].pointee.timerNext = next
        } else {
            heads[Int(bucket)] = next
        }
        if next >= 0 { slab[next].pointee.timerPrevious = previous }
        slot.pointee.timerBucket = -1
        slot.pointee.timerNext = -1
        slot.pointee.timerPrevious = -1
    }

    /// Takes a session out whose bucket has come, or nil when there is none.
    mutating func nextDue(at now: Instant, in slab: borrowing SessionSlab) -> Slot? {
        let current = now.nanoseconds / Self.tickNanoseconds
        // After a long pause every bucket is looked at once, not once a tick that was missed.
        if current > position + UInt64(Self.size) { position = current - UInt64(Self.size) }
        while position <= current {
            let index = heads[Int(position % UInt64(Self.size))]
            if index >= 0 {
                let slot = slab[index]
                cancel(slot, in: slab)
                return slot
            }
            if position == current { return nil }
            position += 1
        }
        return nil
    }
}
