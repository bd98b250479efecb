import Glibc
import LinuxIO
import Messages
import Primitives
import Supervision

/// The decisions of this node, in memory and in a file of the run-time directory, so that `tandemctl why`
/// knows after a death of the supervisor what was before it.
///
/// Entries are only ever appended. A file that has grown to its limit is renamed to `journal.old` in the place
/// of the one before it, and a new one is begun: what was written once is never written again, so neither a
/// crash nor a version that does not know all entries can lose the past.
final class Journal {
    /// How many are kept for `why`.
    static let capacity = 1000
    /// A file is full when it has grown to this: even the longest entries, of 2,096 bytes, fill one with
    /// `capacity` of them.
    static let fileLimit = 5 << 19

    private let path: String
    private var file: FileDescriptor?
    private var size = 0
    private(set) var entries: [JournalEntry] = []

    /// Reads what an earlier supervisor left. A file that can't be read or written costs the past, not the
    /// present.
    init(path: String) {
        self.path = path
        let old = read(path + ".old")
        let present = read(path)
        entries = (old.entries + present.entries).suffix(Self.capacity)
        open(keeping: present.whole)
    }

    /// The greatest incident so far.
    var lastIncident: UInt64 { entries.map(\.incident.rawValue).max() ?? 0 }

    func append(_ entry: JournalEntry) {
        if entries.count >= Self.capacity { entries.removeFirst() }
        entries.append(entry)
        if size >= Self.fileLimit {
            file = nil
            guard unsafe rename(path, path + ".old") == 0 else { return }
            open(keeping: 0)
        }
        write(Self.encode(entry))
    }

    /// `whole` is nil when it could not be read.
    private func read(_ path: String) -> (entries: [JournalEntry], whole: Int?) {
        guard let bytes = try? readFile(path, limit: 4 * Self.fileLimit) else { return ([], nil) }
        return Self.decode(bytes)
    }

    /// `whole`: as far as its entries are complete; one that was being written at a crash goes.
    private func open(keeping whole: Int?) {
        let flags = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW
        let raw = unsafe Glibc.open(path, flags, 0o600)
        guard raw >= 0 else {
            file = nil
            return
        }
        file = .some(FileDescriptor(owning: raw))
        if let whole { _ = ftruncate(raw, off_t(whole)) }
        size = max(0, Int(lseek(raw, 0, SEEK_END)))
    }

    private func write(_ bytes: [UInt8]) {
        guard let written = try? file?.write(bytes) else { return }
        guard written == bytes.count else {
            // The disk is full: no half an entry, behind which the next would not be found.
            if let raw = file?.rawValue { _ = ftruncate(raw, off_t(size)) }
            return
        }
        size += written
    }

    /// A length of 16 bits and the frame that `why` sends.
    static func encode(_ entry: JournalEntry) -> [UInt8] {
        let frame = Frame(sequence: 0, message: ControlReply.journal(entry)).encode()
        var writer = ByteWriter(reserving: frame.count + 2)
        writer.littleEndian(UInt16(frame.count))
        writer.append(frame)
        return writer.bytes
    }

    /// The entries, and how many bytes there are before one that is not complete, as the last may be.
    ///
    /// What another version wrote and this one does not know is passed over by its length; what is no frame
    /// at all, such as the zeros that a loss of power may leave, up to the next that is one.
    static func decode(_ bytes: [UInt8]) -> (entries: [JournalEntry], whole: Int?) {
        var entries: [JournalEntry] = []
        var position = 0
        while position < bytes.count {
            var reader = ByteReader(slice: bytes[position...])
            guard let length = try? reader.littleEndian(UInt16.self),
                let magic = try? reader.littleEndian(UInt32.self)
            else { break }
            guard magic == FrameFormat.magic,
                (FrameFormat.headerSize...FrameFormat.maximumSize).contains(Int(length))
            else {
                position += 1
                continue
            }
            let begin = position + MemoryLayout<UInt16>.size
            let end = begin + Int(length)
            guard end <= bytes.count else { break }
            if case .frame(let decoded)? = try? Frame<ControlReply>.decode(bytes[begin..<end]),
                case .journal(let entry) = decoded.message
            {
                entries.append(entry)
            }
            position = end
        }
        return (entries, position)
    }
}
