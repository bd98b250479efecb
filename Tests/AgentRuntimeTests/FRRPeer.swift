import Glibc
import LinuxIO
import NamespaceLab
import Primitives

/// FRR's vrrpd with the zebra that it asks, on one of the lab's machines.
///
/// It wants a macvlan with the virtual MAC and the address on it, made by somebody else, and takes it down
/// (protodown) while it is BACKUP: the address is always in `ip address show`, and owned where the macvlan is up.
final class FRRPeer {
    static let directory = "/usr/lib/frr/"
    static var isInstalled: Bool { access(directory + "vrrpd", X_OK) == 0 }
    static let macvlan = "vrrp0"

    private let node: Node
    private let zebra: ChildProcess
    private let vrrpd: ChildProcess
    private var hasEnded = false

    /// `address` with its prefix length; the interval is in milliseconds, as FRR has it.
    init(
        on node: Node,
        virtualRouterID: UInt8,
        priority: Int,
        interval: Int,
        address: String
    ) throws {
        self.node = node
        let bare = String(address.prefix { $0 != "/" })
        let family = bare.contains(":") ? "ipv6" : "ip"
        try Self.makeInterface(on: node, virtualRouterID: virtualRouterID, address: address)
        let directory = node.directory + "/frr"
        try makeDirectory(directory)
        let router = "vrrp \(virtualRouterID)"
        try write(
            """
            interface eth0
             \(router) version 3
             \(router) priority \(priority)
             \(router) advertisement-interval \(interval)
             \(router) \(family) \(bare)

            """,
            to: directory + "/vrrpd.conf"
        )
        try write("", to: directory + "/zebra.conf")
        try Self.giveToFRR(directory)
        zebra = try Self.spawn("zebra", on: node)
        guard wait(.seconds(5), until: { access(directory + "/zserv.api", F_OK) == 0 }) else {
            zebra.signal(SIGKILL)
            _ = Self.reap(zebra, within: .seconds(1))
            throw LabError("zebra made no socket\n\(node.logTail())")
        }
        vrrpd = try Self.spawn("vrrpd", on: node)
    }

    deinit {
        stop()
    }

    private static func makeInterface(
        on node: Node,
        virtualRouterID: UInt8,
        address: String
    ) throws {
        guard (try? node.namespace.ip(["link", "show", "dev", macvlan])) == nil else { return }
        let last = String(virtualRouterID, radix: 16)
        let mac = "00:00:5e:00:0\(address.contains(":") ? 2 : 1):\(last)"
        try node.namespace.ip([
            "link", "add", macvlan, "link", "eth0", "type", "macvlan", "mode", "bridge",
        ])
        try node.namespace.ip(["link", "set", "dev", macvlan, "addrgenmode", "random"])
        try node.namespace.ip(["link", "set", "dev", macvlan, "address", mac])
        var words = ["address", "add", address, "dev", macvlan]
        if address.contains(":") { words.append("nodad") }
        try node.namespace.ip(words)
        try node.namespace.ip(["link", "set", "dev", macvlan, "up"])
    }

    /// It drops to this user and makes its sockets as that.
    private static func giveToFRR(_ directory: String) throws {
        guard let user = UserIdentity.named("frr") else { throw LabError("no user frr") }
        try check(chown(directory, user.uid, user.gid), "chown", on: directory)
    }

    /// Without a terminal's port; what it says is in the node's log.
    private static func spawn(_ program: String, on node: Node) throws -> ChildProcess {
        let raw = open(node.logFile, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
        guard raw >= 0 else { throw SystemCallError("open", on: node.logFile, errno: errno) }
        let log = FileDescriptor(owning: raw)
        let directory = node.directory + "/frr"
        var spawn = Spawn(
            path: ipProgram,
            arguments: node.command([
                Self.directory + program,
                "--config_file",
                "\(directory)/\(program).conf", "--pid_file", "\(directory)/\(program).pid",
                "--socket", directory + "/zserv.api", "--vty_socket", directory, "--vty_port", "0",
                "--log", "stdout", "--log-level", "informational",
            ])
        )
        spawn.standardOutput = log.rawValue
        spawn.standardError = log.rawValue
        return try spawn.start()
    }

    /// Whether it is MASTER, by what it does to the macvlan.
    var isOwner: Bool {
        guard
            let shown = try? node.namespace.ip(["-d", "link", "show", "dev", Self.macvlan]).output
        else { return false }
        return shown.contains("LOWER_UP") && !shown.contains("protodown on")
    }

    /// As `systemctl stop` does, vrrpd first.
    func stop() { end(SIGTERM) }

    /// Neither has a chance to say anything; the machine loses its macvlan too, which FRR would leave up.
    func losePower() {
        end(SIGKILL)
        _ = try? node.namespace.ip(["link", "del", "dev", Self.macvlan])
    }

    private func end(_ signal: Int32) {
        guard !hasEnded else { return }
        hasEnded = true
        Self.end(vrrpd, signal)
        Self.end(zebra, signal)
    }

    private static func end(_ child: borrowing ChildProcess, _ signal: Int32) {
        child.signal(signal)
        if reap(child, within: .seconds(3)) { return }
        child.signal(SIGKILL)
        _ = reap(child, within: .seconds(1))
    }

    private static func reap(_ child: borrowing ChildProcess, within limit: Duration) -> Bool {
        let end = Clock.now + limit
        while Clock.now < end {
            if child.reap() != nil { return true }
            usleep(5000)
        }
        return false
    }
}
