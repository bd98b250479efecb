/// All sessions of a worker in one block of memory, which the kernel backs only as far as it is used.
@safe struct SessionSlab: ~Copyable {
    let capacity: Int
    private let slots: UnsafeMutablePointer<Session>
    private var free: [Int32] = []
    private var touched = 0
    private(set) var used = 0

    init(capacity: Int) {
        self.capacity = max(capacity, 1)
        unsafe slots = .allocate(capacity: self.capacity)
    }

    deinit {
        unsafe slots.deallocate()
    }

    /// A slot that is one of this slab's.
    subscript(slot: Int32) -> Session {
        unsafeAddress { unsafe UnsafePointer(slots + Int(slot)) }
        nonmutating unsafeMutableAddress { unsafe slots + Int(slot) }
    }

    /// Nil when all are in use. The slot's stamp is a new one.
    mutating func take() -> Int32? {
        let slot: Int32
        if let recycled = free.popLast() {
            slot = recycled
        } else if touched < capacity {
            slot = Int32(touched)
            touched += 1
            unsafe (slots + Int(slot)).initialize(to: Session())
        } else {
            return nil
        }
        let stamp = unsafe slots[Int(slot)].stamp
        unsafe slots[Int(slot)] = Session()
        unsafe slots[Int(slot)].stamp = stamp &+ 1 & 0x3FFF_FFFF
        used += 1
        return slot
    }

    mutating func release(_ slot: Int32) {
        unsafe slots[Int(slot)].state = .free
        free.append(slot)
        used -= 1
    }

    /// Slots that were ever in use lie below this one.
    var limit: Int32 { Int32(touched) }
}
