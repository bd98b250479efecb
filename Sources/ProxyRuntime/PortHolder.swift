import Glibc
import LinuxIO
import Primitives

/// Who listens on a TCP port of this machine, as far as this process may know: root may, the proxy under
/// its unit may not. Such as `haproxy (pid 1234)`.
struct PortHolder: CustomStringConvertible {
    var program: String
    var pid: Int32

    var description: String { "\(program) (pid \(pid))" }

    /// A listening socket in a table of proc_net(5).
    struct Listener: Equatable {
        var inode: UInt64
        /// Nil: all of its family.
        var address: IPAddress?
        var isIPv6: Bool

        /// Whether both take the same connections. Whether all addresses of IPv6 are those of IPv4, too, the table
        /// does not say; the kernel refuses that itself unless they share the port.
        func meets(_ other: IPAddress) -> Bool {
            switch other {
            case .v4(let v4): !isIPv6 && (address == nil || address == other || v4 == .any)
            case .v6(let v6): isIPv6 && (address == nil || address == other || v6 == .any)
            }
        }
    }

    static func listeners(onPort port: UInt16) -> [Listener] {
        ["/proc/thread-self/net/tcp", "/proc/thread-self/net/tcp6"].flatMap { path in
            listeners(onPort: port, in: listeningPart(of: path))
        }
    }

    /// The process that holds one of these sockets.
    static func of(_ inodes: Set<UInt64>) -> PortHolder? {
        guard !inodes.isEmpty else { return nil }
        let links = Set(inodes.map { "socket:[\($0)]" })
        for process in entries(of: "/proc") {
            guard let pid = Int32(process) else { continue }
            let directory = "/proc/\(process)/fd"
            let holds = entries(of: directory).contains { descriptor in
                target(of: directory + "/" + descriptor).map(links.contains) ?? false
            }
            guard holds, let name = try? readFile("/proc/\(process)/comm") else { continue }
            let program = String(decoding: name.prefix { $0 != 10 }, as: UTF8.self)
            return PortHolder(program: program, pid: pid)
        }
        return nil
    }

    /// The listening sockets of a port in a table of proc_net(5).
    static func listeners(onPort port: UInt16, in table: String) -> [Listener] {
        table.split(separator: "\n").dropFirst().compactMap { line in
            let fields = line.split(separator: " ")
            // The local address in hexadecimal with the port behind a colon; state 0A is TCP_LISTEN.
            guard fields.count > 9, fields[3] == "0A", let colon = fields[1].lastIndex(of: ":"),
                UInt16(fields[1][colon...].dropFirst(), radix: 16) == port,
                let inode = UInt64(fields[9])
            else { return nil }
            let digits = fields[1][..<colon]
            let bytes = address(digits)
            return Listener(
                inode: inode,
                address: bytes.flatMap { $0.allSatisfy { $0 == 0 } ? nil : IPAddress(octets: $0) },
                isIPv6: digits.utf8.count == 32
            )
        }
    }

    /// In words of four bytes, each in the machine's order.
    private static func address(_ digits: Substring) -> [UInt8]? {
        var bytes: [UInt8] = []
        var rest = digits
        while rest.utf8.count >= 8 {
            guard let word = UInt32(rest.prefix(8), radix: 16) else { return nil }
            for shift: UInt32 in [0, 8, 16, 24] {
                bytes.append(UInt8(truncatingIfNeeded: word >> shift))
            }
            rest = rest.dropFirst(8)
        }
        return bytes
    }

    /// Those that listen come first: the hundred thousand connections behind them are not read.
    private static func listeningPart(of path: String) -> String {
        let raw = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard raw >= 0 else { return "" }
        let file = FileDescriptor(owning: raw)
        var content: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65536)
        while content.count < 4 << 20, let count = try? file.read(into: &chunk), count > 0 {
            content += chunk[..<count]
            let last = content.dropLast().lastIndex(of: 10).map { content[$0...] } ?? []
            let fields = String(decoding: last, as: UTF8.self).split(separator: " ")
            if fields.count > 3, fields[3] != "0A" { break }
        }
        return String(decoding: content, as: UTF8.self)
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
