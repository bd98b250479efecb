import CLinux
import Glibc
import LinuxIO
import Primitives
import Sessions

/// Streams: bytes that go through a pipe from one socket to the other and never through this process (splice(2)).
extension Worker where E: ~Copyable {
    private static var smallSplice: Int64 { 8 << 10 }
    private static var splicesOfNoStream: UInt8 { 8 }

    mutating func beginSplicing(_ slot: Slot, from source: Side) -> Bool {
        let end = slot.end(source)
        guard end.pointee.flags.isDisjoint(with: [.neverSplices, .urgent]), takePipe(slot, source)
        else { return false }
        end.pointee.flags.insert(.splices)
        end.pointee.smallSplices = 0
        return true
    }

    private mutating func takePipe(_ slot: Slot, _ source: Side) -> Bool {
        if slot.end(source).pointee.pipe == nil {
            slot.end(source).pointee.pipe = pipes.take(at: now)
        }
        return slot.end(source).pointee.pipe != nil
    }

    /// What is in the pipe first, then what the source has.
    mutating func splice(_ slot: Slot, from source: Side) -> Pumped {
        let target = source.opposite
        let from = slot.end(source).pointee.descriptor
        let to = slot.end(target).pointee.descriptor
        for _ in 0..<TurnBudget.reads {
            if slot.end(source).pointee.piped > 0, let pipe = slot.end(source).pointee.pipe {
                guard slot.end(target).pointee.flags.contains(.writable) else { return .waits }
                let count = tandem_splice(pipe.reading, to, Int(slot.end(source).pointee.piped))
                if count == -Int64(EAGAIN) || count == -Int64(EINTR) {
                    slot.end(target).pointee.flags.remove(.writable)
                    return .waits
                }
                guard count > 0 else { return .failed(target) }
                slot.end(source).pointee.piped -= Int32(truncatingIfNeeded: count)
                slot.end(target).pointee.last = now
                continue
            }
            if slot.end(source).pointee.flags.contains(.ended) {
                dropPipe(slot, source)
                slot.end(source).pointee.flags.remove(.splices)
                return .ended
            }
            guard slot.end(source).pointee.flags.contains(.readable),
                slot.end(target).pointee.flags.contains(.writable)
            else {
                dropPipe(slot, source)
                return .waits
            }
            guard slot.end(source).pointee.smallSplices < Self.splicesOfNoStream,
                !slot.end(source).pointee.flags.contains(.urgent),
                takePipe(slot, source), let pipe = slot.end(source).pointee.pipe
            else {
                endSplicing(slot, source)
                return .again
            }
            let count = tandem_splice(from, pipe.writing, Int(pipe.capacity))
            guard count > 0 else {
                switch -count {
                case 0:
                    // At urgent data it is none, too.
                    guard unsafe tandem_stream_peek(from, scratch, 1) <= 0 else {
                        slot.end(source).pointee.flags.insert(.neverSplices)
                        endSplicing(slot, source)
                        return .again
                    }
                    slot.end(source).pointee.flags.insert(.ended)
                case Int64(EINTR): break
                case Int64(EAGAIN):
                    slot.end(source).pointee.flags.remove(.readable)
                    dropPipe(slot, source)
                    return .waits
                case Int64(EINVAL), Int64(ENOSYS):
                    slot.end(source).pointee.flags.insert(.neverSplices)
                    endSplicing(slot, source)
                    return .again
                default: return .failed(source)
                }
                continue
            }
            slot.end(source).pointee.piped = Int32(truncatingIfNeeded: count)
            slot.end(source).pointee.received &+= UInt64(count)
            slot.end(source).pointee.last = now
            if slot.end(source).pointee.isMarked {
                // That was all, or what is left is told of at the mark, or looked for.
                if count < Int64(Self.receiveMark),
                    !slot.end(source).pointee.flags.contains(.ending)
                {
                    slot.end(source).pointee.flags.remove(.readable)
                }
            } else if count >= Self.markWorthy {
                setMark(slot, source)
            }
            if count < Self.smallSplice {
                slot.end(source).pointee.smallSplices += 1
            } else {
                slot.end(source).pointee.smallSplices = 0
            }
        }
        return .again
    }

    private mutating func endSplicing(_ slot: Slot, _ source: Side) {
        let end = slot.end(source)
        dropPipe(slot, source)
        end.pointee.flags.remove(.splices)
        end.pointee.largeReads = 0
        removeMark(end)
    }

    // MARK: Marks

    /// The kernel tells of a stream when it has so much of it: every time costs three system calls, however little it is.
    private static var receiveMark: Int32 { 256 << 10 }
    /// What is spliced in one go of a stream that is worth a mark.
    private static var markWorthy: Int64 { 64 << 10 }
    /// Streams with a mark: all of them are looked at every millisecond.
    private static var markLimit: Int { 64 }
    /// What is less than the mark, and not the end, is not told of: so long it may wait.
    static var markPatience: UInt64 { 1_000_000 }

    private mutating func setMark(_ slot: Slot, _ source: Side) {
        let end = slot.end(source)
        guard marked.count < Self.markLimit,
            tandem_set_receive_mark(end.pointee.descriptor, Self.receiveMark) == 0
        else { return }
        end.pointee.isMarked = true
        let token = slot.pointee.token(source)
        let mark = Mark(token: token, received: end.pointee.received, since: now)
        // One that was marked before may still be there.
        if let former = marked.firstIndex(where: { $0.token == token }) {
            marked[former] = mark
        } else {
            marked.append(mark)
        }
    }

    private func removeMark(_ end: Pinned<End>) {
        guard end.pointee.isMarked else { return }
        end.pointee.isMarked = false
        _ = tandem_set_receive_mark(end.pointee.descriptor, 1)
    }

    /// Takes what streams have below their mark. One that has nothing has no mark until it flows again.
    mutating func lookBelowMarks() {
        for position in marked.indices.reversed() {
            let token = marked[position].token
            let side: Side = token & 1 == 0 ? .client : .server
            guard let slot = slab.find(token), slot.end(side).pointee.isMarked else {
                marked.swapAt(position, marked.count - 1)
                marked.removeLast()
                continue
            }
            let end = slot.end(side)
            let before = end.pointee.received
            guard marked[position].received == before else {
                marked[position] = Mark(token: token, received: before, since: now)
                continue
            }
            // What the other end does not take is waited for, and read no further.
            guard marked[position].since.advanced(byNanoseconds: Self.markPatience) <= now,
                end.pointee.piped == 0,
                slot.end(side.opposite).pointee.flags.contains(.writable)
            else { continue }
            end.pointee.flags.insert(.readable)
            let pumped = pump(slot, from: side)
            guard continues(slot, side, pumped) else { continue }
            if end.pointee.received == before, end.pointee.isMarked {
                removeMark(end)
                // What has come between the look and the end of the mark.
                end.pointee.flags.insert(.readable)
                resumeLater(slot)
            }
        }
    }

    @inline(__always)
    mutating func dropPipe(_ slot: Slot, _ side: Side) {
        guard let pipe = slot.end(side).pointee.pipe else { return }
        pipes.giveBack(pipe, isEmpty: slot.end(side).pointee.piped == 0)
        slot.end(side).pointee.pipe = nil
        slot.end(side).pointee.piped = 0
    }
}

/// An end that the kernel tells of only when much has come.
struct Mark {
    let token: UInt64
    /// How much had come of it when that last changed, and since when: what goes the other way does not count.
    var received: UInt64
    var since: Instant
}
