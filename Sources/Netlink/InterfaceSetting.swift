import CLinux
import Glibc
package import LinuxIO
package import Primitives

/// A setting of one interface under /proc/sys/net (kernel: ip-sysctl).
package struct InterfaceSetting: Equatable, Sendable {
    package var family: AddressFamily
    package var name: String
    package var value: Int

    package init(_ family: AddressFamily, _ name: String, _ value: Int) {
        self.family = family
        self.name = name
        self.value = value
    }

    /// What a virtual router's own interface needs before it is switched on, as keepalived sets it: it answers ARP for its own
    /// addresses alone, and takes packets that come from the interface below or for it.
    package static let virtualInterface: [InterfaceSetting] = [
        // The kernel makes no link-local address of the virtual MAC: both nodes would have it.
        InterfaceSetting(.v6, "addr_gen_mode", 1),
        InterfaceSetting(.v4, "arp_ignore", 1),
        InterfaceSetting(.v4, "accept_local", 1),
        InterfaceSetting(.v4, "rp_filter", 0),
        InterfaceSetting(.v4, "promote_secondaries", 1),
    ]
    /// What the interface below needs: it leaves the virtual addresses to the one above.
    package static let belowVirtualInterface = [InterfaceSetting(.v4, "arp_ignore", 1)]
    /// The other addresses of a network outlive the first one.
    package static let promoteSecondaries = InterfaceSetting(.v4, "promote_secondaries", 1)

    private func path(of interface: String) -> String {
        "/proc/sys/net/ipv\(family.rawValue)/conf/\(interface)/\(name)"
    }

    /// What it is now.
    package static func read(
        _ family: AddressFamily,
        _ name: String,
        of interface: String
    ) throws(SystemCallError) -> Int {
        let path = InterfaceSetting(family, name, 0).path(of: interface)
        let text = String(decoding: try readFile(path).prefix { $0 > 32 }, as: UTF8.self)
        guard let value = Int(text) else {
            throw SystemCallError("read", on: path, errno: EBADMSG)
        }
        return value
    }

    /// Sets it where it is otherwise, and returns what it was; nil: it was so already.
    @discardableResult
    package func apply(to interface: String) throws(SystemCallError) -> Int? {
        let before = try Self.read(family, name, of: interface)
        guard before != value else { return nil }
        let path = path(of: interface)
        let raw = unsafe open(path, O_WRONLY | O_CLOEXEC)
        guard raw >= 0 else { throw SystemCallError("open", on: path, errno: errno) }
        let file = FileDescriptor(owning: raw)
        _ = try file.write(Array("\(value)".utf8))
        return before
    }
}
