import CLinux
import Glibc
package import Primitives

/// What a descriptor is watched for, and what it turned out to be ready for.
package struct Readiness: OptionSet, Sendable {
    package let rawValue: UInt32

    package init(rawValue: UInt32) {
        self.rawValue = rawValue
    }

    package static let readable = Readiness(rawValue: EPOLLIN.rawValue)
    package static let writable = Readiness(rawValue: EPOLLOUT.rawValue)
    /// The other end will send no more.
    package static let peerClosed = Readiness(rawValue: EPOLLRDHUP.rawValue)
    package static let hangUp = Readiness(rawValue: EPOLLHUP.rawValue)
    package static let error = Readiness(rawValue: EPOLLERR.rawValue)
}

/// One ready descriptor, by the token that it was added with.
package struct ReadyEvent: Sendable {
    package var token: UInt64
    package var readiness: Readiness
}

/// A level-triggered epoll instance with one deadline: all that an event loop of one thread needs.
@safe package struct Poller: ~Copyable {
    private let epoll: FileDescriptor
    private var buffer: [epoll_event]

    package init(batch: Int = 64) throws(SystemCallError) {
        epoll = FileDescriptor(owning: try check(tandem_epoll_create(), "epoll_create1"))
        unsafe buffer = Array(repeating: epoll_event(), count: max(batch, 1))
    }

    /// Tokens are the caller's; they need not be descriptors.
    package func add(
        _ descriptor: Int32,
        token: UInt64,
        for readiness: Readiness = .readable
    )
        throws(SystemCallError)
    {
        try control(EPOLL_CTL_ADD, descriptor, readiness, token)
    }

    package func modify(
        _ descriptor: Int32,
        token: UInt64,
        for readiness: Readiness
    )
        throws(SystemCallError)
    {
        try control(EPOLL_CTL_MOD, descriptor, readiness, token)
    }

    /// A descriptor that is closed leaves by itself, unless it was duplicated.
    package func remove(_ descriptor: Int32) throws(SystemCallError) {
        try control(EPOLL_CTL_DEL, descriptor, [], 0)
    }

    private func control(
        _ operation: Int32,
        _ descriptor: Int32,
        _ readiness: Readiness,
        _ token: UInt64
    ) throws(SystemCallError) {
        try check(
            tandem_epoll_ctl(epoll.rawValue, operation, descriptor, readiness.rawValue, token),
            "epoll_ctl"
        )
    }

    /// Waits for events until `deadline` (nil: for as long as it takes) and appends them to `events`.
    /// An interruption by a signal returns without any.
    package mutating func wait(
        until deadline: Instant?,
        into events: inout [ReadyEvent]
    ) throws(SystemCallError) {
        var timeout: Int64 = -1
        if let deadline { timeout = max(0, (deadline - Clock.now).nanoseconds) }
        let count = unsafe buffer.withUnsafeMutableBufferPointer { raw in
            unsafe tandem_epoll_wait(epoll.rawValue, raw.baseAddress, Int32(raw.count), timeout)
        }
        if count == -EINTR { return }
        try check(count, "epoll_pwait2")
        for index in 0..<Int(count) {
            let event = unsafe buffer[index]
            unsafe withUnsafePointer(to: event) { pointer in
                events.append(
                    ReadyEvent(
                        token: unsafe tandem_event_data(pointer),
                        readiness: Readiness(rawValue: unsafe tandem_event_flags(pointer))
                    )
                )
            }
        }
    }
}
