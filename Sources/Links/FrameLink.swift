import Glibc
package import LinuxIO
package import Messages
package import Primitives

/// One end of a link between two processes: frames of one enum come in, frames of another go out.
///
/// It never blocks. What can't be sent at once is queued up to a limit, and what is over it is dropped and
/// counted. A state that waits gives way to a newer one of the same thing, so that what happened only once has room.
package struct FrameLink<Inbound: LinkMessage, Outbound: LinkMessage>: ~Copyable {
    package let socket: FileDescriptor
    package let peer: PeerCredentials
    /// Messages of a newer minor version that were skipped.
    package private(set) var skipped: UInt64 = 0
    private var queue: BoundedQueue<Waiting>
    private var sequence: UInt64 = 0
    private var buffer = [UInt8](repeating: 0, count: FrameFormat.maximumSize + 1)

    private struct Waiting: Sendable {
        var bytes: [UInt8]
        var replaceable: String?
    }

    /// What one read brought.
    package enum Received: Equatable {
        case frame(Frame<Inbound>)
        /// Nothing is there now.
        case nothing
        /// The other end is gone, or sent what is no frame of this link: close it and log the reason.
        case closed(reason: String)
    }

    package init(
        socket: consuming FileDescriptor,
        peer: PeerCredentials,
        queueLimit: Int = 4096
    ) {
        self.socket = socket
        self.peer = peer
        queue = BoundedQueue(limit: queueLimit)
    }

    /// Messages that were dropped because the other end does not read.
    package var dropped: UInt64 { queue.refused }

    /// True while something waits for the socket to become writable.
    package var wantsToWrite: Bool { !queue.isEmpty }

    /// How many messages wait; who has much to say goes on when they are few.
    package var waiting: Int { queue.count }

    /// Reads one frame; call until it says `.nothing`.
    package mutating func receive() -> Received {
        while true {
            let count = unsafe buffer.withUnsafeMutableBytes { raw in
                unsafe recv(
                    socket.rawValue,
                    raw.baseAddress,
                    raw.count,
                    Int32(MSG_DONTWAIT)
                )
            }
            if count < 0 {
                switch errno {
                case EAGAIN: return .nothing
                case EINTR: continue
                default: return .closed(reason: errorText(errno))
                }
            }
            guard count > 0 else { return .closed(reason: "the other end has closed it") }
            do throws(FrameError) {
                switch try Frame<Inbound>.decode(buffer[0..<count]) {
                case .frame(let frame): return .frame(frame)
                case .unknownKind: skipped += 1
                }
            } catch {
                return .closed(reason: "the other end sent \(error)")
            }
        }
    }

    /// Sends or queues. False when the message was dropped or the other end is gone (`receive` tells).
    @discardableResult
    package mutating func send(_ message: Outbound, incident: IncidentID = .none) -> Bool {
        sequence &+= 1
        let bytes = Frame(sequence: sequence, incident: incident, message: message).encode()
        let waiting = Waiting(bytes: bytes, replaceable: message.replaceable)
        guard queue.isEmpty else { return enqueue(waiting) }
        switch transmit(bytes) {
        case .sent: return true
        case .full: return enqueue(waiting)
        case .failed: return false
        }
    }

    /// The newer state comes at its own time, behind what explains it.
    private mutating func enqueue(_ waiting: Waiting) -> Bool {
        if let subject = waiting.replaceable {
            queue.removeFirst { $0.replaceable == subject }
        }
        return queue.append(waiting)
    }

    /// Sends what was queued, as far as it goes; call when the socket is writable.
    package mutating func flush() {
        while let next = queue.first {
            switch transmit(next.bytes) {
            case .full: return
            case .sent, .failed: _ = queue.popFirst()
            }
        }
    }

    private enum Transmission {
        case sent
        case full
        case failed
    }

    private func transmit(_ bytes: [UInt8]) -> Transmission {
        let flags = Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL)
        let count = unsafe bytes.withUnsafeBytes { raw in
            unsafe Glibc.send(socket.rawValue, raw.baseAddress, raw.count, flags)
        }
        if count >= 0 { return .sent }
        return errno == EAGAIN || errno == EINTR || errno == ENOBUFS ? .full : .failed
    }
}
