import Glibc
import LinuxIO

/// Descriptors that a service left with its manager, to get them back at its next start (`FDSTORE=1`).
struct DescriptorStore {
    /// All are handed over at one start. The unit's `FileDescriptorStoreMax` is 512; 253 is what one message carries
    /// between supervisors (SCM_MAX_FD).
    static let limit = 253

    private var names: [String] = []
    private var kept: [Held] = []

    private final class Held {
        let descriptor: FileDescriptor
        let device: UInt64
        let inode: UInt64

        init(_ descriptor: consuming FileDescriptor) {
            var status = stat()
            _ = unsafe fstat(descriptor.rawValue, &status)
            device = UInt64(status.st_dev)
            inode = UInt64(status.st_ino)
            self.descriptor = descriptor
        }
    }

    /// Takes ownership. What is held already under that name is not held twice, and another one takes its
    /// place: a socket that nobody accepts from would keep clients waiting. What is over the limit is
    /// closed. True when it was kept.
    @discardableResult
    mutating func insert(_ descriptor: consuming FileDescriptor, name: String) -> Bool {
        let new = Held(descriptor)
        if let index = names.firstIndex(of: name) {
            let old = kept[index]
            guard old.device != new.device || old.inode != new.inode else { return false }
            kept[index] = new
            return true
        }
        guard kept.count < Self.limit else { return false }
        names.append(name)
        kept.append(new)
        return true
    }

    mutating func remove(name: String) {
        for index in names.indices.reversed() where names[index] == name {
            names.remove(at: index)
            kept.remove(at: index)
        }
    }

    mutating func removeAll() {
        names = []
        kept = []
    }

    var count: Int { kept.count }

    /// Borrowed, for `Spawn.passed`.
    var all: [(descriptor: Int32, name: String)] {
        zip(names, kept).map { ($1.descriptor.rawValue, $0) }
    }
}
