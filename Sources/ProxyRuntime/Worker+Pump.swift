import CLinux
import Glibc
import LinuxIO
import Primitives
import Sessions

/// Bytes from one socket to the other.
///
/// An end is read only while the other can be written to, so that nothing piles up here: what a write does not
/// take is at most one read's worth, and waits in a lent buffer. The sender is held back by its own window.
///
/// A session begins with copying through the worker's scratch. Where four reads in a row bring `streamRead` or more
/// it is a stream: its bytes go through a pipe from then on (splice(2)), until they come in small pieces again; and
/// with larger reads where there is no pipe to be had. Small messages never meet a pipe, which would double their
/// cost.
extension Worker where E: ~Copyable {
    private static var streamRead: Int64 { 16 << 10 }
    private static var readsOfStream: UInt8 { 4 }

    /// Both directions.
    mutating func pump(_ slot: Slot) {
        let fromClient = pump(slot, from: .client)
        guard continues(slot, .client, fromClient) else { return }
        let fromServer = pump(slot, from: .server)
        guard continues(slot, .server, fromServer) else { return }
        if slot.pointee.client.flags.union(slot.pointee.server.flags).contains(.broken) {
            reviewErrors(slot)
        }
    }

    /// What the kernel's news of one side makes possible: reading from it, and, if it was full before, writing to it.
    @inline(__always)
    mutating func pump(_ slot: Slot, after side: Side, _ news: EndFlags) {
        if news.contains(.readable) {
            let pumped = pump(slot, from: side)
            guard continues(slot, side, pumped) else { return }
        }
        if news.contains(.writable) {
            let other = side.opposite
            let pumped = pump(slot, from: other)
            guard continues(slot, other, pumped) else { return }
        }
        if news.contains(.broken) { reviewErrors(slot) }
    }

    /// Reading has not met the error because the other end takes nothing: it counts all the same.
    private mutating func reviewErrors(_ slot: Slot) {
        guard !slot.pointee.isReady else { return }
        if slot.pointee.client.flags.contains(.broken) {
            signal(slot, .failed(.client))
        } else if slot.pointee.server.flags.contains(.broken) {
            signal(slot, .failed(.server))
        }
    }

    /// False: the session is over.
    @inline(__always)
    mutating func continues(_ slot: Slot, _ side: Side, _ pumped: Pumped) -> Bool {
        switch pumped {
        case .waits: return true
        case .again:
            resumeLater(slot)
            return true
        case .failed(let side):
            signal(slot, .failed(side))
            return false
        case .ended:
            let before = slot.pointee.generation
            signal(slot, .ended(side))
            return slot.pointee.generation == before && !slot.pointee.session.isClosed
        }
    }

    @inline(__always)
    mutating func pump(_ slot: Slot, from source: Side) -> Pumped {
        let target = source.opposite
        let flags = slot.end(source).pointee.flags
        let nothingWaits =
            !slot.end(target).pointee.hasPending && !flags.contains(.splices)
        if nothingWaits, !flags.contains(.readable) || flags.contains(.ended) { return .waits }
        if slot.end(target).pointee.hasPending {
            guard slot.end(target).pointee.flags.contains(.writable) else { return .waits }
            switch flush(slot, target) {
            case .done: break
            case .blocked: return .waits
            case .broken: return .failed(target)
            }
        }
        if slot.end(source).pointee.flags.contains(.splices) { return splice(slot, from: source) }
        if slot.end(source).pointee.flags.contains(.ended) { return .waits }
        return copy(slot, from: source)
    }

    // MARK: Copying

    @inline(__always)
    private mutating func copy(_ slot: Slot, from source: Side) -> Pumped {
        let target = source.opposite
        let from = slot.end(source).pointee.descriptor
        let to = slot.end(target).pointee.descriptor
        for _ in 0..<TurnBudget.reads {
            guard slot.end(source).pointee.flags.contains(.readable),
                slot.end(target).pointee.flags.contains(.writable)
            else { return .waits }
            let isStream = slot.end(source).pointee.largeReads >= Self.readsOfStream
            if isStream, beginSplicing(slot, from: source) { return splice(slot, from: source) }
            let size = pool.readSize(isStream: isStream)
            let count = unsafe tandem_stream_receive(from, scratch, size)
            guard count > 0 else {
                if count == 0 {
                    slot.end(source).pointee.flags.insert(.ended)
                    return .ended
                }
                if count == -Int64(EINTR) { continue }
                guard count == -Int64(EAGAIN) else { return .failed(source) }
                slot.end(source).pointee.flags.remove(.readable)
                return .waits
            }
            slot.end(source).pointee.received &+= UInt64(count)
            slot.end(source).pointee.last = now
            if count < Self.streamRead {
                slot.end(source).pointee.largeReads = 0
            } else if slot.end(source).pointee.largeReads < .max {
                slot.end(source).pointee.largeReads += 1
            }
            // A short read has emptied the socket: what comes later is a new edge, and after the end comes nothing.
            let isShort = count < size && !slot.end(source).pointee.flags.contains(.urgent)
            let isLast = isShort && slot.end(source).pointee.flags.contains(.ending)
            let sent = unsafe tandem_stream_send(to, scratch, Int(count), isLast)
            if sent == count {
                slot.end(target).pointee.last = now
            } else if sent >= 0 || sent == -Int64(EAGAIN) || sent == -Int64(EINTR) {
                keep(slot, target, from: Int(max(sent, 0)), count: Int(count))
                return .waits
            } else {
                return .failed(target)
            }
            if isLast {
                slot.end(source).pointee.flags.insert(.ended)
                return .ended
            }
            if isShort {
                slot.end(source).pointee.flags.remove(.readable)
                return .waits
            }
        }
        return .again
    }

    /// Keeps what the target did not take of the scratch.
    private mutating func keep(_ slot: Slot, _ target: Side, from start: Int, count: Int) {
        let buffer = pool.take(count - start)
        unsafe buffer.address(at: 0).copyMemory(from: scratch + start, byteCount: count - start)
        if start > 0 { slot.end(target).pointee.last = now }
        slot.end(target).pointee.pending = buffer
        slot.end(target).pointee.pendingStart = 0
        slot.end(target).pointee.pendingEnd = Int32(count - start)
        slot.end(target).pointee.flags.remove(.writable)
    }

    private mutating func flush(_ slot: Slot, _ side: Side) -> Flushed {
        guard let buffer = slot.end(side).pointee.pending else { return .done }
        let start = slot.end(side).pointee.pendingStart
        let count = slot.end(side).pointee.pendingEnd - start
        let sent = unsafe tandem_stream_send(
            slot.end(side).pointee.descriptor,
            buffer.address(at: start),
            Int(count),
            false
        )
        guard sent >= 0 else {
            guard sent == -Int64(EAGAIN) || sent == -Int64(EINTR) else { return .broken }
            slot.end(side).pointee.flags.remove(.writable)
            return .blocked
        }
        slot.end(side).pointee.last = now
        guard sent == Int64(count) else {
            slot.end(side).pointee.pendingStart = start + Int32(sent)
            slot.end(side).pointee.flags.remove(.writable)
            return .blocked
        }
        dropPending(slot, side)
        return .done
    }

    @inline(__always)
    mutating func dropPending(_ slot: Slot, _ side: Side) {
        guard let buffer = slot.end(side).pointee.pending else { return }
        pool.giveBack(buffer)
        slot.end(side).pointee.pending = nil
        slot.end(side).pointee.pendingStart = 0
        slot.end(side).pointee.pendingEnd = 0
    }
}

/// What became of bytes that waited.
private enum Flushed {
    case done
    case blocked
    case broken
}
