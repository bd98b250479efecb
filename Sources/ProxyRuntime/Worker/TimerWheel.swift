/// A hashed wheel of the sessions' deadlines. Activity does not touch it: a session whose time has come is
/// asked for its deadline again and put back if that has moved on.
struct TimerWheel: ~Copyable {
    /// Milliseconds a tick; a power of two.
    static let resolution: UInt64 = 8
    private static let size: UInt64 = 8192
    private var heads = [Int32](repeating: -1, count: Int(size))
    private(set) var tick: UInt64

    init(now: UInt64) {
        tick = now / Self.resolution
    }

    mutating func arm(_ slot: Int32, at deadline: UInt64, in slab: borrowing SessionSlab) {
        let wanted = max(tick + 1, (deadline + Self.resolution - 1) / Self.resolution)
        if slab[slot].isArmed {
            guard wanted < slab[slot].timerTick else { return }
            disarm(slot, in: slab)
        }
        // One turn of the wheel at the most: what is later is looked at on the way.
        let due = min(wanted, tick + Self.size - 1)
        let head = heads[Int(due % Self.size)]
        slab[slot].timerTick = due
        slab[slot].timerNext = head
        slab[slot].timerPrevious = -1
        slab[slot].isArmed = true
        if head >= 0 { slab[head].timerPrevious = slot }
        heads[Int(due % Self.size)] = slot
    }

    mutating func disarm(_ slot: Int32, in slab: borrowing SessionSlab) {
        guard slab[slot].isArmed else { return }
        let next = slab[slot].timerNext
        let previous = slab[slot].timerPrevious
        if previous >= 0 {
            slab[previous].timerNext = next
        } else {
            heads[Int(slab[slot].timerTick % Self.size)] = next
        }
        if next >= 0 { slab[next].timerPrevious = previous }
        slab[slot].isArmed = false
    }

    /// The next session whose tick has come, disarmed; nil: none until later.
    mutating func popDue(now: UInt64, in slab: borrowing SessionSlab) -> Int32? {
        let target = now / Self.resolution
        while tick <= target {
            let head = heads[Int(tick % Self.size)]
            if head >= 0 {
                disarm(head, in: slab)
                return head
            }
            guard tick < target else { return nil }
            tick += 1
        }
        return nil
    }

    /// Milliseconds until the next armed tick, `limit` at the most.
    func wait(now: UInt64, limit: UInt64) -> UInt64 {
        var ahead = tick
        let last = (now + limit) / Self.resolution
        while ahead <= last {
            if heads[Int(ahead % Self.size)] >= 0 {
                let due = ahead * Self.resolution
                return due > now ? due - now : 0
            }
            ahead += 1
        }
        return limit
    }
}
