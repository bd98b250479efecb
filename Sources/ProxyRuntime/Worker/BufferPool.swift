/// Blocks for bytes that wait for a slow reader; kept for the next one, up to a limit.
@safe struct BufferPool: ~Copyable {
    static let size = 65536
    private var idle: [UnsafeMutableRawPointer] = unsafe []
    private let limit: Int

    init(limit: Int) {
        self.limit = limit
    }

    deinit {
        for index in unsafe idle.indices { unsafe idle[index].deallocate() }
    }

    mutating func take() -> UnsafeMutableRawPointer {
        if let block = unsafe idle.popLast() { return unsafe block }
        return UnsafeMutableRawPointer.allocate(byteCount: Self.size, alignment: 64)
    }

    mutating func give(_ block: UnsafeMutableRawPointer) {
        guard unsafe idle.count < limit else {
            unsafe block.deallocate()
            return
        }
        unsafe idle.append(block)
    }
}
