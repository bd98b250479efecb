import CLinux
import Glibc
package import LinuxIO

/// The number in a file that somebody else writes (keepalived.conf(5), `vrrp_track_file`).
package enum TrackedNumber {
    /// A file with more than that in front of its number holds none.
    private static let limit = 128

    /// What it holds: an optional sign and digits behind white space; what follows is not looked at. A file
    /// that is not there, can't be read or holds no number is 0. Never waits, whatever the path leads to.
    package static func read(_ path: String) -> Int {
        let raw = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
        guard raw >= 0 else { return 0 }
        let file = FileDescriptor(owning: raw)
        var buffer = [UInt8](repeating: 0, count: limit)
        guard let count = try? file.read(into: &buffer) else { return 0 }
        return parse(buffer[0..<count])
    }

    static func parse(_ text: ArraySlice<UInt8>) -> Int {
        var rest = text.drop { $0 == 32 || (9...13).contains($0) }
        let isNegative = rest.first == UInt8(ascii: "-")
        if isNegative || rest.first == UInt8(ascii: "+") { rest = rest.dropFirst() }
        var value = 0
        for byte in rest {
            guard (48...57).contains(byte) else { break }
            // Far above what any weight makes a difference of.
            value = min(value &* 10 &+ Int(byte &- 48), 1 << 32)
        }
        return isNegative ? -value : value
    }

    /// `init_file`: the number that a file begins with, unless it is there and may not be overwritten.
    package static func write(
        _ value: Int,
        to path: String,
        overwrites: Bool
    ) throws(SystemCallError) {
        let flags = O_WRONLY | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW
        let raw = unsafe open(path, flags | (overwrites ? O_TRUNC : O_EXCL), 0o644)
        guard raw >= 0 else {
            guard errno != EEXIST || overwrites else { return }
            throw SystemCallError("write", on: path, errno: errno)
        }
        let file = FileDescriptor(owning: raw)
        _ = try file.write(Array("\(value)\n".utf8))
    }
}
