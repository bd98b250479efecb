import CLinux
import Glibc
package import LinuxIO
import Primitives

/// Tells which of some files have changed, whether they were written, replaced by another, made or removed.
///
/// The directory of each file is watched: an editor, and whoever writes a file in one step, puts another file
/// in its place.
package struct FileWatch: ~Copyable {
    /// What one look brought.
    package enum Received: Equatable, Sendable {
        /// Paths as they were given, each once.
        case changed(Set<String>)
        case nothing
        /// Events were lost, or a directory went: watch anew and read every file.
        case lost
    }

    package let descriptor: FileDescriptor
    /// By watch: names in that directory, with the path that was given.
    private var watched: [Int32: [String: String]] = [:]
    private var buffer = [UInt8](repeating: 0, count: 8192)

    package init() throws(SystemCallError) {
        descriptor = FileDescriptor(owning: try check(tandem_inotify_open(), "inotify_init"))
    }

    /// Watches one more file, which need not exist; its directory must.
    package mutating func watch(_ path: String) throws(SystemCallError) {
        let slash = path.lastIndex(of: "/")
        let directory = slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
        let name = slash.map { String(path[path.index(after: $0)...]) } ?? path
        let watch = try check(
            unsafe tandem_inotify_add(descriptor.rawValue, directory),
            "watch",
            on: directory
        )
        watched[watch, default: [:]][name] = path
    }

    package mutating func receive() throws(SystemCallError) -> Received {
        let count: Int
        do throws(SystemCallError) {
            guard let read = try descriptor.read(into: &buffer) else { return .nothing }
            count = read
        } catch {
            throw SystemCallError("read inotify", errno: error.errno)
        }
        var changed: Set<String> = []
        var reader = ByteReader(slice: buffer[0..<count])
        do throws(DecodeError) {
            while reader.remaining > 0 {
                let watch = Int32(bitPattern: UInt32(bigEndian: try reader.bigEndian()))
                let mask = UInt32(bigEndian: try reader.bigEndian())
                try reader.skip(4)  // pairs the two halves of a renaming
                let length: UInt32 = UInt32(bigEndian: try reader.bigEndian())
                let name = String(
                    decoding: try reader.take(Int(length)).prefix { $0 != 0 },
                    as: UTF8.self
                )
                let gone = UInt32(IN_Q_OVERFLOW | IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED)
                if mask & gone != 0 { return .lost }
                if let path = watched[watch]?[name] { changed.insert(path) }
            }
        } catch {
            return .lost
        }
        return changed.isEmpty ? .nothing : .changed(changed)
    }
}
