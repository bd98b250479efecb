import Glibc
import LinuxIO

/// Who listens on a TCP port of this machine, as far as this process may know: root may, the proxy under
/// its unit may not.
enum PortHolder {
    /// Such as `haproxy (pid 1234)`.
    static func name(ofPort port: UInt16) -> String? {
        let sockets = ["/proc/thread-self/net/tcp", "/proc/thread-self/net/tcp6"].reduce(
            into: Set<String>()
        ) {
            guard let table = try? readFile($1) else { return }
            $0.formUnion(listeners(onPort: port, in: String(decoding: table, as: UTF8.self)))
        }
        guard !sockets.isEmpty else { return nil }
        for process in entries(of: "/proc") where process.utf8.allSatisfy({ 48...57 ~= $0 }) {
            let directory = "/proc/\(process)/fd"
            let holds = entries(of: directory).contains { descriptor in
                target(of: directory + "/" + descriptor).map(sockets.contains) ?? false
            }
            guard holds, let name = try? readFile("/proc/\(process)/comm") else { continue }
            return "\(String(decoding: name.prefix { $0 != 10 }, as: UTF8.self)) (pid \(process))"
        }
        return nil
    }

    /// The links of the listening sockets of a port, `socket:[INODE]`, in a table of proc_net(5).
    static func listeners(onPort port: UInt16, in table: String) -> [String] {
        table.split(separator: "\n").dropFirst().compactMap { line in
            let fields = line.split(separator: " ")
            // The local address in hexadecimal with the port behind a colon; state 0A is TCP_LISTEN.
            guard fields.count > 9, fields[3] == "0A", let colon = fields[1].lastIndex(of: ":"),
                UInt16(fields[1][colon...].dropFirst(), radix: 16) == port
            else { return nil }
            return "socket:[\(fields[9])]"
        }
    }

    private static func entries(of directory: String) -> [String] {
        guard let stream = unsafe opendir(directory) else { return [] }
        defer { unsafe closedir(stream) }
        var names: [String] = []
        while let entry = unsafe readdir(stream) {
            let name = unsafe withUnsafeBytes(of: entry.pointee.d_name) { raw in
                unsafe String(decoding: raw.prefix { $0 != 0 }, as: UTF8.self)
            }
            if !name.hasPrefix(".") { names.append(name) }
        }
        return names
    }

    private static func target(of link: String) -> String? {
        var buffer = [CChar](repeating: 0, count: 64)
        let count = unsafe readlink(link, &buffer, buffer.count)
        guard count > 0 else { return nil }
        return String(decoding: buffer.prefix(count).map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}
