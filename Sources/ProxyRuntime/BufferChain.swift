/// Buffers of the ring, in the order in which they came: the row of all buffers links them.
struct BufferChain {
    private(set) var first: UInt16 = 0
    private var last: UInt16 = 0
    private(set) var count: UInt16 = 0

    /// What is known of a buffer while it is on its way.
    struct Link {
        var next: UInt16 = 0
        var start: Int32 = 0
        var end: Int32 = 0
    }

    var isEmpty: Bool {
        @inline(__always) get { count == 0 }
    }

    @inline(__always)
    mutating func append(_ buffer: UInt16, size: Int32, in links: PinnedRow<Link>) {
        links[Int(buffer)] = Link(next: 0, start: 0, end: size)
        if count == 0 {
            first = buffer
        } else {
            links[Int(last)].next = buffer
        }
        last = buffer
        count += 1
    }

    /// Takes the first out; nil when there is none.
    @inline(__always)
    mutating func removeFirst(in links: PinnedRow<Link>) -> UInt16? {
        guard count > 0 else { return nil }
        let buffer = first
        first = links[Int(buffer)].next
        count -= 1
        return buffer
    }
}
