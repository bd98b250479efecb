import Glibc
import LinuxIO
import Messages
import Primitives
import Supervision

/// The decisions of this node, in memory and in a file of the run-time directory, so that `tandemctl why`
/// knows after a death of the supervisor what was before it.
final class Journal {
    /// How many are kept for `why`.
    static let capacity = 1000
    /// The file begins anew, with what is kept, when it has grown to this.
    static let fileLimit = 1 << 20

    private let path: String
    private var file: FileDescriptor?
    private var size = 0
    private(set) var entries: [JournalEntry] = []

    /// Reads what an earlier supervisor left. A file that can't be read or written costs the past, not the
    /// present.
    init(path: String) {
        self.path = path
        if let bytes = try? readFile(path, limit: 4 * Self.fileLimit) {
            entries = Self.decode(bytes).suffix(Self.capacity)
        }
        rewrite()
    }

    /// The greatest incident so far.
    var lastIncident: UInt64 { entries.map(\.incident.rawValue).max() ?? 0 }

    func append(_ entry: JournalEntry) {
        if entries.count >= Self.capacity { entries.removeFirst() }
        entries.append(entry)
        guard size < Self.fileLimit else {
            rewrite()
            return
        }
        write(Self.encode(entry))
    }

    private func rewrite() {
        size = 0
        let raw = unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard raw >= 0 else {
            file = nil
            return
        }
        file = .some(FileDescriptor(owning: raw))
        write(entries.flatMap(Self.encode))
    }

    private func write(_ bytes: [UInt8]) {
        guard let written = try? file?.write(bytes) else { return }
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

    /// Up to the first entry that is damaged, such as one that was being written.
    static func decode(_ bytes: [UInt8]) -> [JournalEntry] {
        var reader = ByteReader(bytes)
        var entries: [JournalEntry] = []
        while let length = try? reader.littleEndian(UInt16.self),
            let frame = try? reader.take(Int(length)),
            case .frame(let decoded)? = try? Frame<ControlReply>.decode(frame),
            case .journal(let entry) = decoded.message
        {
            entries.append(entry)
        }
        return entries
    }
}
