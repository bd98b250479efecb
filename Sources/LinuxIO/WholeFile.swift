import CLinux
import Glibc

/// Reads a file of bounded size at once, for configuration.
package func readFile(_ path: String, limit: Int = 4 << 20) throws(SystemCallError) -> [UInt8] {
    let raw = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard raw >= 0 else { throw SystemCallError("open", on: path, errno: errno) }
    let file = FileDescriptor(owning: raw)
    var content: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65536)
    while content.count <= limit {
        guard let count = try file.read(into: &chunk) else { continue }
        if count == 0 { return content }
        content.append(contentsOf: chunk[0..<count])
    }
    throw SystemCallError("read", on: path, errno: EFBIG)
}
