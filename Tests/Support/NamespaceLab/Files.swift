import Glibc
import LinuxIO

/// Writes a file anew, in place: a mount onto it goes on to show it.
package func write(_ text: String, to path: String, mode: UInt32 = 0o644) throws {
    let raw = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode)
    guard raw >= 0 else { throw SystemCallError("open", on: path, errno: errno) }
    let file = FileDescriptor(owning: raw)
    let bytes = Array(text.utf8)
    let written = try file.write(bytes)
    guard written == bytes.count else { throw LabError("\(path) was not written whole") }
    // Not what some other test's umask makes of it.
    _ = chmod(path, mode)
}

package func makeDirectory(_ path: String) throws {
    guard mkdir(path, 0o755) == 0 || errno == EEXIST else {
        throw SystemCallError("mkdir", on: path, errno: errno)
    }
    _ = chmod(path, 0o755)
}

/// The names in a directory; empty when there is none.
package func entries(of path: String) -> [String] {
    guard let directory = opendir(path) else { return [] }
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
        let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
            pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
        }
        if name != ".", name != ".." { names.append(name) }
    }
    return names
}

/// Where the built programs are: beside this one.
package func productDirectory() -> String {
    var buffer = [CChar](repeating: 0, count: 4096)
    let count = readlink("/proc/self/exe", &buffer, buffer.count)
    let path = String(
        decoding: buffer.prefix(max(count, 0)).map(UInt8.init(bitPattern:)),
        as: UTF8.self
    )
    return path.split(separator: "/").dropLast().reduce("") { $0 + "/" + $1 }
}
