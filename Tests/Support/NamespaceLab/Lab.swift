import Glibc
import LinuxIO
package import Primitives
import Synchronization

/// The founding document's LAN in network namespaces: two machines, a client and a backend on one bridge.
///
/// Names hold this process's pid, so that several labs may exist; whatever happens to this process, the
/// lab is taken away (`Janitor`).
package final class Lab {
    package static let virtualAddress = IPv4Address(192, 168, 0, 100)
    package static let port: UInt16 = 7001
    package static let backendName = "blogadminvhn.nostratech.com"
    package static let backendAddress = IPv4Address(192, 168, 0, 50)
    /// A second address of the backend host.
    package static let otherBackendAddress = IPv4Address(192, 168, 0, 51)

    package let name: String
    package let directory: String
    package let machine1: Node
    package let machine2: Node
    package let client: Namespace
    package let backendHost: Namespace
    package let owners: OwnerSampler
    package let probe: Probe
    package let backend: Backend?
    private let lan: Namespace
    private let janitor: Janitor
    private var isDown = false

    private static let counter = Mutex(0)

    /// `seed`: the directory with the configuration files. `name`: for a lab that outlives this process.
    package init(
        seed: String,
        products: String = productDirectory(),
        name: String? = nil,
        servesBackend: Bool = true
    ) throws {
        guard geteuid() == 0 else { throw LabError("the lab needs root") }
        Self.removeStale()
        if let name, entries(of: "/run/netns").contains(where: { $0.hasPrefix(name + "-") }) {
            throw LabError("\(name) is up already: scripts/demo --down ends it")
        }
        let number = Self.counter.withLock { counter in
            counter += 1
            return counter
        }
        let prefix = name ?? "tandem-\(getpid())-\(number)"
        self.name = prefix
        directory = "/tmp/" + prefix
        janitor = try Janitor(prefix: prefix + "-", directory: directory)
        try makeDirectory(directory)
        lan = Namespace(name: prefix + "-lan")
        client = Namespace(name: prefix + "-client")
        backendHost = Namespace(name: prefix + "-backend")
        let first = Namespace(name: prefix + "-machine1")
        let second = Namespace(name: prefix + "-machine2")

        try lan.create()
        try lan.ip(["link", "add", "lan", "type", "bridge", "forward_delay", "0"])
        try lan.ip(["link", "set", "lan", "up"])
        for (host, addresses) in [
            (first, ["192.168.0.193/24"]), (second, ["192.168.0.192/24"]),
            (client, ["192.168.0.10/24"]), (backendHost, ["192.168.0.50/24", "192.168.0.51/24"]),
        ] {
            try host.create()
            let port = "p-" + (host.name.split(separator: "-").last ?? "")
            try lan.ip([
                "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", host.name,
            ])
            try lan.ip(["link", "set", port, "master", "lan", "up"])
            for address in addresses {
                try host.ip([
                    "address", "add", address, "broadcast", "192.168.0.255", "dev", "eth0",
                ])
            }
            try host.ip(["link", "set", "eth0", "up"])
        }

        let hosts = "\(Self.backendAddress) \(Self.backendName)"
        let haproxy = try readFile(seed + "/haproxy.cfg")
        machine1 = try Node(
            name: "machine1",
            namespace: first,
            address: IPv4Address(192, 168, 0, 193),
            directory: directory + "/machine1",
            products: products,
            keepalived: try readFile(seed + "/machine1.keepalived.conf"),
            haproxy: haproxy,
            hosts: hosts
        )
        machine2 = try Node(
            name: "machine2",
            namespace: second,
            address: IPv4Address(192, 168, 0, 192),
            directory: directory + "/machine2",
            products: products,
            keepalived: try readFile(seed + "/machine2.keepalived.conf"),
            haproxy: haproxy,
            hosts: hosts
        )
        backend = servesBackend ? try Backend(in: backendHost, port: Self.port) : nil
        owners = try OwnerSampler(machine1: first, machine2: second, address: Self.virtualAddress)
        probe = try Probe(in: client, to: Self.virtualAddress, port: Self.port)
    }

    deinit {
        tearDown()
    }

    /// Starts both machines and waits until machine1 serves and both know that all is well.
    package func startBoth(limit: Duration = .seconds(40)) throws {
        try machine1.start()
        try machine2.start()
        let settled = try wait(limit, every: .milliseconds(50)) {
            for node in [machine1, machine2] {
                guard let cause = node.reapSupervisor() else { continue }
                throw LabError("\(node.name): tandem-supervisor ended at its start: \(cause)")
            }
            return try isSettled
        }
        guard settled else { throw LabError("the pair did not settle") }
    }

    /// Machine1 owns the address and serves; machine2 is ready behind it.
    package var isSettled: Bool {
        get throws {
            let since = Clock.now
            guard owners.now == .machine1,
                try machine1.state(of: "VI_1") == "MASTER",
                try machine2.state(of: "VI_1") == "BACKUP",
                try machine1.state(of: "proxy") == "RUNNING",
                try machine2.state(of: "proxy") == "RUNNING"
            else { return false }
            return wait(.seconds(1)) { probe.firstAnswer(after: since) != nil }
        }
    }

    /// Takes a machine's cable out of the switch, or puts it back.
    package func setCable(of node: Node, plugged: Bool) throws {
        try lan.ip(["link", "set", "p-" + node.name, plugged ? "up" : "down"])
    }

    /// Everything that says why something did not come out as it should.
    package func report() -> String {
        let nodes = [machine1, machine2].map { node in
            let status = (try? node.control("status").output) ?? "-"
            let why = (try? node.control("why").output) ?? "-"
            return "--- \(node.name)\n\(status)\(why)\(node.logTail())"
        }
        let changes = owners.changes.map { change in
            "\(change.at.nanoseconds / 1_000_000) ms: owners \(change.owners.rawValue)"
        }
        return (nodes + ["--- owners (1: machine1, 2: machine2, 3: both)"] + changes)
            .joined(separator: "\n")
    }

    /// Kills whatever runs in it and removes everything.
    package func tearDown() {
        guard !isDown else { return }
        isDown = true
        probe.stop()
        owners.stop()
        for node in [machine1, machine2] { node.losePower() }
        backend?.stop()
        Self.remove(prefix: name + "-", directory: directory)
        janitor.dismiss()
    }

    /// Leaves it as it is when this process ends.
    package func keep() {
        guard !isDown else { return }
        isDown = true
        probe.stop()
        owners.stop()
        janitor.dismiss()
    }

    /// Removes the namespaces with the prefix, what runs in them, and the directory.
    package static func remove(prefix: String, directory: String) {
        for name in entries(of: "/run/netns") where name.hasPrefix(prefix) {
            Namespace(name: name).remove()
        }
        _ = try? run("/bin/rm", ["-rf", directory])
    }

    /// Takes away labs whose process is gone and whose janitor is gone too.
    private static func removeStale() {
        for name in entries(of: "/run/netns") where name.hasPrefix("tandem-") {
            let parts = name.split(separator: "-")
            guard parts.count >= 3, let pid = Int32(parts[1]), kill(pid, 0) != 0, errno == ESRCH
            else { continue }
            remove(
                prefix: "tandem-\(pid)-\(parts[2])-",
                directory: "/tmp/tandem-\(pid)-\(parts[2])"
            )
        }
    }
}
