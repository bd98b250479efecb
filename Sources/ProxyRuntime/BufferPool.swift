/// Buffers for bytes that an end does not take: lent only while they wait, and never more than the limit.
@safe struct BufferPool: ~Copyable {
    @safe struct Buffer {
        fileprivate let base: UnsafeMutableRawPointer
        fileprivate let capacity: Int32

        @inline(__always)
        func address(at offset: Int32) -> UnsafeMutableRawPointer {
            unsafe base + Int(offset)
        }
    }

    /// What one read brings of an ordinary session.
    static let bufferSize = 64 << 10
    /// Also the size of a worker's scratch: what one read brings of a large one.
    static let largeSize = 256 << 10
    /// Free buffers that are kept.
    private static let spareLimit = 64

    private var spare: [Buffer] = []
    private(set) var lent = 0
    let limit: Int

    init(limit: Int = 2048) {
        self.limit = limit
    }

    deinit {
        for buffer in spare { unsafe buffer.base.deallocate() }
    }

    var hasRoom: Bool {
        @inline(__always) get { lent < limit }
    }

    /// One of `bufferSize`, or of the size that is asked for where that is more.
    mutating func take(_ size: Int = bufferSize) -> Buffer {
        lent += 1
        if size <= Self.bufferSize, let buffer = spare.popLast() { return buffer }
        let capacity = max(size, Self.bufferSize)
        return unsafe Buffer(
            base: UnsafeMutableRawPointer.allocate(byteCount: capacity, alignment: 64),
            capacity: Int32(clamping: capacity)
        )
    }

    mutating func giveBack(_ buffer: Buffer) {
        lent -= 1
        if buffer.capacity == Self.bufferSize, spare.count < Self.spareLimit {
            spare.append(buffer)
        } else {
            unsafe buffer.base.deallocate()
        }
    }
}
