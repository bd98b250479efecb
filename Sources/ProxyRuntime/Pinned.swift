/// A value at a place of its own, where it stays until its owner destroys it.
///
/// Copying a `Pinned` copies an address: what a session refers to a thousand times a second costs no reference
/// counting. Whoever makes one decides when nobody can use it any more.
@safe struct Pinned<Value>: Equatable {
    let address: UnsafeMutablePointer<Value>

    init(_ value: consuming Value) {
        unsafe address = .allocate(capacity: 1)
        unsafe address.initialize(to: value)
    }

    /// A place that somebody else allocated.
    @inline(__always)
    init(at address: UnsafeMutablePointer<Value>) {
        unsafe self.address = unsafe address
    }

    var pointee: Value {
        @inline(__always) unsafeAddress { unsafe UnsafePointer(address) }
        @inline(__always) nonmutating unsafeMutableAddress { unsafe address }
    }

    func destroy() {
        unsafe address.deinitialize(count: 1)
        unsafe address.deallocate()
    }

    @inline(__always)
    static func == (left: Pinned, right: Pinned) -> Bool {
        unsafe left.address == right.address
    }
}

/// A row of plain values that keeps its place and its length.
@safe struct PinnedRow<Element> {
    private let elements: UnsafeMutableBufferPointer<Element>

    init(_ values: [Element]) {
        unsafe elements = .allocate(capacity: values.count)
        _ = unsafe elements.initialize(from: values)
    }

    var count: Int {
        @inline(__always) get { unsafe elements.count }
    }

    var indices: Range<Int> { unsafe elements.indices }

    subscript(position: Int) -> Element {
        @inline(__always) unsafeAddress {
            unsafe precondition(position >= 0 && position < elements.count)
            return unsafe UnsafePointer(elements.baseAddress.unsafelyUnwrapped + position)
        }
        @inline(__always) nonmutating unsafeMutableAddress {
            unsafe precondition(position >= 0 && position < elements.count)
            return unsafe elements.baseAddress.unsafelyUnwrapped + position
        }
    }

    func destroy() {
        unsafe elements.deinitialize()
        unsafe elements.deallocate()
    }
}
