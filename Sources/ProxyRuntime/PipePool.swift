import CLinux
import Glibc
import Primitives

/// Pipes that bytes of large sessions go through without being copied: lent while there is something in them.
///
/// A pipe of 1 MiB moves a stream with a third of the system calls that the usual 64 KiB take. What a user may have
/// of such pipes is bounded (pipe(7): /proc/sys/fs/pipe-user-pages-soft): past that a smaller one does, and where
/// the kernel gives less than 64 KiB, copying is cheaper.
struct PipePool: ~Copyable {
    struct Pipe {
        fileprivate(set) var reading: Int32
        fileprivate(set) var writing: Int32
        fileprivate(set) var capacity: Int32
    }

    private static let sizes: [Int32] = [1 << 20, 256 << 10, 64 << 10]
    private static let spareLimit = 16
    /// After the kernel refused one, streams are copied for so long.
    private static let refusalNanoseconds: UInt64 = 1_000_000_000

    private var spare: [Pipe] = []
    private var lent = 0
    private var limit: Int
    private var refusedUntil: Instant = .zero

    init(limit: Int) {
        self.limit = limit
        spare.reserveCapacity(Self.spareLimit)
    }

    deinit {
        for pipe in spare { Self.close(pipe) }
    }

    /// An empty pipe, or nil when there is none to be had now.
    mutating func take(at now: Instant) -> Pipe? {
        if let pipe = spare.popLast() {
            lent += 1
            return pipe
        }
        guard lent < limit, refusedUntil <= now else { return nil }
        guard let pipe = Self.open() else {
            refusedUntil = now.advanced(byNanoseconds: Self.refusalNanoseconds)
            return nil
        }
        lent += 1
        return pipe
    }

    /// `isEmpty` false: it holds bytes that nobody wants any more.
    mutating func giveBack(_ pipe: Pipe, isEmpty: Bool) {
        lent -= 1
        if isEmpty, spare.count < Self.spareLimit {
            spare.append(pipe)
        } else {
            Self.close(pipe)
        }
    }

    /// Descriptors are needed for connections.
    mutating func closeSpare(at now: Instant) {
        for pipe in spare { Self.close(pipe) }
        spare.removeAll(keepingCapacity: true)
        refusedUntil = now.advanced(byNanoseconds: Self.refusalNanoseconds)
    }

    private static func open() -> Pipe? {
        var ends: (Int32, Int32) = (-1, -1)
        guard unsafe tandem_splice_pipe(&ends.0, &ends.1) == 0 else { return nil }
        var capacity: Int32 = 0
        for size in sizes {
            capacity = tandem_set_pipe_size(ends.1, size)
            if capacity >= size { break }
        }
        let pipe = Pipe(reading: ends.0, writing: ends.1, capacity: capacity)
        guard capacity >= sizes[sizes.count - 1] else {
            close(pipe)
            return nil
        }
        return pipe
    }

    private static func close(_ pipe: Pipe) {
        _ = Glibc.close(pipe.reading)
        _ = Glibc.close(pipe.writing)
    }
}
