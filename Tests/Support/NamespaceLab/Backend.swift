import CLinux
import Glibc
import LinuxIO
package import Primitives
import Synchronization

/// The server that the proxies reach: it answers a line with `OWN-ADDRESS PEER-ADDRESS` and closes.
package final class Backend: Sendable {
    private let stopping: WakeUp
    private let thread: Mutex<Thread?>
    private let counts = Mutex<(connections: Int, answers: Int)>((0, 0))

    /// Connections, health checks among them, and lines answered.
    package var served: (connections: Int, answers: Int) { counts.withLock { $0 } }

    /// Serves in another namespace.
    package convenience init(in namespace: Namespace, port: UInt16) throws {
        try self.init(listener: namespace.onThread { try listenTCP(port: port) })
    }

    /// Serves in this process's own namespace.
    package convenience init(port: UInt16) throws {
        try self.init(listener: listenTCP(port: port))
    }

    private init(listener: Int32) throws {
        stopping = try WakeUp()
        thread = Mutex(nil)
        let started = try Thread { [self] in serve(FileDescriptor(owning: listener)) }
        thread.withLock { $0 = started }
    }

    package func stop() {
        stopping.signal()
        thread.withLock { running in
            running?.join()
            running = nil
        }
    }

    private func serve(_ listener: consuming FileDescriptor) {
        guard var poller = try? Poller(),
            (try? poller.add(stopping.descriptor.rawValue, token: 0)) != nil,
            (try? poller.add(listener.rawValue, token: 1)) != nil
        else { return }
        var clients: [UInt64: (descriptor: Int32, peer: IPv4Address)] = [:]
        defer { for client in clients.values { _ = close(client.descriptor) } }
        var nextToken: UInt64 = 2
        var events: [ReadyEvent] = []
        while true {
            events.removeAll(keepingCapacity: true)
            guard (try? poller.wait(until: nil, into: &events)) != nil else { return }
            for event in events {
                switch event.token {
                case 0: return
                case 1:
                    var address: UInt32 = 0
                    var port: UInt16 = 0
                    let accepted = tandem_ipv4_accept(listener.rawValue, &address, &port)
                    guard accepted >= 0 else { continue }
                    counts.withLock { $0.connections += 1 }
                    clients[nextToken] = (accepted, IPv4Address(rawValue: address))
                    try? poller.add(accepted, token: nextToken)
                    nextToken += 1
                default:
                    guard let client = clients[event.token] else { continue }
                    if answer(client.descriptor, peer: client.peer) {
                        _ = close(client.descriptor)
                        clients[event.token] = nil
                    }
                }
            }
        }
    }

    /// True when the connection is over.
    private func answer(_ descriptor: Int32, peer: IPv4Address) -> Bool {
        var buffer = [UInt8](repeating: 0, count: 1024)
        let count = recv(descriptor, &buffer, buffer.count, 0)
        if count < 0 { return errno != EAGAIN }
        guard count > 0 else { return true }
        guard buffer[..<count].contains(10) else { return false }
        var address: UInt32 = 0
        var port: UInt16 = 0
        _ = tandem_ipv4_local(descriptor, &address, &port)
        let line = Array("\(IPv4Address(rawValue: address)) \(peer)\n".utf8)
        _ = send(descriptor, line, line.count, Int32(MSG_NOSIGNAL))
        counts.withLock { $0.answers += 1 }
        return true
    }
}

/// A listening socket of this thread's namespace, on all addresses.
package func listenTCP(port: UInt16) throws -> Int32 {
    let raw = socket(
        AF_INET,
        Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue),
        0
    )
    guard raw >= 0 else { throw SystemCallError("socket", errno: errno) }
    let socket = FileDescriptor(owning: raw)
    try check(tandem_setsockopt_int(raw, SOL_SOCKET, SO_REUSEADDR, 1), "setsockopt")
    try check(tandem_ipv4_bind(raw, 0, port), "bind", on: "port \(port)")
    guard listen(raw, 1024) == 0 else { throw SystemCallError("listen", errno: errno) }
    return socket.relinquish()
}

/// A connection from this thread's namespace, made.
package func connectTCP(to address: IPv4Address, port: UInt16) throws -> Int32 {
    let raw = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    guard raw >= 0 else { throw SystemCallError("socket", errno: errno) }
    let socket = FileDescriptor(owning: raw)
    try check(tandem_ipv4_connect(raw, address.rawValue, port), "connect", on: "\(address)")
    return socket.relinquish()
}
