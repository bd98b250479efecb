/// Buffers for bytes that an end does not take, lent only while they wait.
///
/// Whoever has bytes gets one: an end that was refused one could not be read, and its session would stand still for
/// the sake of clients that take nothing. Past `limit` reads are as small as HAProxy's (`tune.bufsize`), so that no
/// session holds more than two times 16 KiB then, and `maxconn` bounds the whole.
@safe struct BufferPool: ~Copyable {
    @safe struct Buffer {
        fileprivate let base: UnsafeMutableRawPointer
        let capacity: Int32

        @inline(__always)
        func address(at offset: Int32) -> UnsafeMutableRawPointer {
            unsafe base + Int(offset)
        }
    }

    static let smallSize = 16 << 10
    static let bufferSize = 64 << 10
    /// Also the size of a worker's scratch: what one read brings of a stream that has no pipe.
    static let largeSize = 256 << 10
    /// Free buffers of each size that are kept.
    private static let spareLimit = 64

    private var spareSmall: [Buffer] = []
    private var spare: [Buffer] = []
    private(set) var lent = 0
    let limit: Int

    init(limit: Int = 2048) {
        self.limit = limit
    }

    deinit {
        for buffer in spare { unsafe buffer.base.deallocate() }
        for buffer in spareSmall { unsafe buffer.base.deallocate() }
    }

    /// What one read may bring of a session, so that what the other end does not take of it has a buffer.
    @inline(__always)
    func readSize(isStream: Bool) -> Int {
        guard lent < limit else { return Self.smallSize }
        return isStream ? Self.largeSize : Self.bufferSize
    }

    /// One that holds `size` bytes.
    mutating func take(_ size: Int) -> Buffer {
        lent += 1
        if size <= Self.smallSize {
            return spareSmall.popLast() ?? Self.make(Self.smallSize)
        }
        if size <= Self.bufferSize {
            return spare.popLast() ?? Self.make(Self.bufferSize)
        }
        return Self.make(size)
    }

    private static func make(_ capacity: Int) -> Buffer {
        unsafe Buffer(
            base: UnsafeMutableRawPointer.allocate(byteCount: capacity, alignment: 64),
            capacity: Int32(clamping: capacity)
        )
    }

    mutating func giveBack(_ buffer: Buffer) {
        lent -= 1
        switch Int(buffer.capacity) {
        case Self.smallSize where spareSmall.count < Self.spareLimit: spareSmall.append(buffer)
        case Self.bufferSize where spare.count < Self.spareLimit: spare.append(buffer)
        default: unsafe buffer.base.deallocate()
        }
    }
}
