import Glibc
import LinuxIO

/// A file of keepalived's or HAProxy's, and its place in /etc/tandem.
struct ImportedFile {
    /// Who reads it there, which decides who may.
    enum Reader {
        /// The agent, which is root.
        case agent
        /// The proxy, which is never root under its unit.
        case proxy
    }

    /// What stands in its place already.
    enum Occupant: Equatable {
        case nobody
        /// The same bytes.
        case itself
        /// The file that the package installed, unchanged.
        case example
        /// Somebody's work.
        case changed
    }

    let source: String
    /// Relative to /etc/tandem.
    let name: String
    let bytes: [UInt8]
    let permissions: mode_t
    let reader: Reader

    init(source: String, name: String, reader: Reader) throws(SystemCallError) {
        self.source = source
        self.name = name
        self.reader = reader
        bytes = try readFile(source)
        var status = stat()
        guard unsafe stat(source, &status) == 0 else {
            throw SystemCallError("stat", on: source, errno: errno)
        }
        permissions = status.st_mode
    }

    func occupant(in places: ImportPlaces) throws(SystemCallError) -> Occupant {
        let content: [UInt8]
        do throws(SystemCallError) {
            content = try readFile(places.target + "/" + name)
        } catch {
            if error.errno == ENOENT { return .nobody }
            throw error
        }
        if content == bytes { return .itself }
        return content == (try? readFile(places.pristine + "/" + name)) ? .example : .changed
    }

    /// Writes it below `directory`, on the disk when this returns: never executable, never writable for
    /// others than root, as private as it was, but readable for who has to read it.
    func write(below directory: String) throws(SystemCallError) {
        let path = directory + "/" + name
        try Self.makeDirectories(above: name, below: directory)
        let raw = unsafe open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard raw >= 0 else { throw SystemCallError("create", on: path, errno: errno) }
        let file = FileDescriptor(owning: raw)
        var rest = bytes
        while !rest.isEmpty {
            let count = try file.write(rest) ?? 0
            rest.removeFirst(count)
        }
        var mode = permissions & 0o644 | 0o600
        if reader == .proxy, mode & 0o004 == 0 {
            mode |= 0o040
            guard let group = UserIdentity.groupID(named: "haproxy") else {
                throw SystemCallError("find group haproxy for", on: path, errno: ENOENT)
            }
            guard fchown(file.rawValue, 0, group) == 0 else {
                throw SystemCallError("chown", on: path, errno: errno)
            }
        }
        guard fchmod(file.rawValue, mode) == 0, fsync(file.rawValue) == 0 else {
            throw SystemCallError("write", on: path, errno: errno)
        }
    }

    /// Takes its place, in one step for who reads it; what was there keeps another name, which is
    /// returned.
    func takePlace(from stage: String, in target: String) throws(SystemCallError) -> String? {
        let path = target + "/" + name
        try Self.makeDirectories(above: name, below: target)
        var kept: String?
        for attempt in 1...99 {
            let other = path + ".before-import" + (attempt == 1 ? "" : "-\(attempt)")
            if unsafe link(path, other) == 0 {
                kept = other
                break
            }
            if errno == ENOENT { break }
            guard errno == EEXIST, attempt < 99 else {
                throw SystemCallError("keep", on: path, errno: errno)
            }
        }
        guard unsafe rename(stage + "/" + name, path) == 0 else {
            throw SystemCallError("rename to", on: path, errno: errno)
        }
        return kept
    }

    private static func makeDirectories(
        above name: String,
        below directory: String
    ) throws(SystemCallError) {
        var path = directory
        for part in name.split(separator: "/").dropLast() {
            path += "/" + part
            guard unsafe mkdir(path, 0o755) == 0 || errno == EEXIST else {
                throw SystemCallError("mkdir", on: path, errno: errno)
            }
        }
    }
}
