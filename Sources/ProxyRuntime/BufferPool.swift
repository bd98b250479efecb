/// Buffers for bytes that an end does not take: lent only while they wait, and never more than the limit.
@safe struct BufferPool: ~Copyable {
    @safe struct Buffer {
        fileprivate let base: UnsafeMutableRawPointer

        @inline(__always)
        func address(at offset: Int32) -> UnsafeMutableRawPointer {
            unsafe base + Int(offset)
        }
    }

    /// Also the size of a worker's scratch: what one read brings fits into one buffer.
    static let bufferSize = 64 << 10
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

    var hasRoom: Bool { lent < limit }

    mutating func take() -> Buffer {
        lent += 1
        if let buffer = spare.popLast() { return buffer }
        return unsafe Buffer(
            base: UnsafeMutableRawPointer.allocate(byteCount: Self.bufferSize, alignment: 64)
        )
    }

    mutating func giveBack(_ buffer: Buffer) {
        lent -= 1
        if spare.count < Self.spareLimit {
            spare.append(buffer)
        } else {
            unsafe buffer.base.deallocate()
        }
    }
}
