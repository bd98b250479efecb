import CLinux
import Glibc
import LinuxIO
import Primitives

struct LabError: Error, CustomStringConvertible {
    var description: String

    init(_ text: String) { description = text }
}

/// The built program in a network namespace of this thread's own, which ends with the thread.
final class ProxyLab {
    let directory: String
    private let logSocket: Int32
    private(set) var process: ChildProcessBox?
    private(set) var lines: [String] = []

    static let logPort: UInt16 = 5514

    /// The directory of the products, where this test's own binary lies.
    static var binary: String {
        var path = [CChar](repeating: 0, count: 4096)
        _ = readlink("/proc/self/exe", &path, path.count - 1)
        // swift test runs a helper of the toolchain: the tree's own build is meant.
        let root = #filePath.split(separator: "/").dropLast(3).reduce("") { $0 + "/" + $1 }
        return root + "/.build/debug/tandem-proxy"
    }

    init() throws {
        try check(tandem_new_network_namespace(), "unshare")
        let ip = Spawn(path: "/sbin/ip", arguments: ["ip", "link", "set", "lo", "up"])
        let setUp = try ip.start()
        while setUp.reap() == nil { usleep(1000) }
        var template = Array("/tmp/tandem-proxy-test-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw LabError("mkdtemp") }
        directory = String(
            decoding: template.dropLast().map(UInt8.init(bitPattern:)),
            as: UTF8.self
        )
        // A reload reads the file as the user that the proxy has become.
        chmod(directory, 0o755)
        logSocket = socket(AF_INET, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        try check(tandem_ipv4_bind(logSocket, 0x7F00_0001, Self.logPort), "bind")
    }

    deinit {
        process?.signal(SIGKILL)
        close(logSocket)
        _ = system("rm -rf '\(directory)'")
    }

    func write(_ text: String, to name: String = "haproxy.cfg") {
        let raw = open("\(directory)/\(name)", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        let bytes = Array(text.utf8)
        _ = Glibc.write(raw, bytes, bytes.count)
        close(raw)
    }

    static let defaults = """
        global
          log 127.0.0.1:5514 local0
          maxconn 5000
        defaults
          log global
          mode tcp
          option tcplog
          option dontlognull
          option redispatch
          retries 3
          timeout connect 5s
          timeout client 30s
          timeout server 30s

        """

    /// `errorLog`: a file for what the proxy writes to standard error.
    func start(
        _ sections: String,
        environment: [String] = [],
        passed: [(descriptor: Int32, name: String)] = [],
        errorLog: String? = nil
    ) throws {
        write(Self.defaults + sections + "\n")
        try restart(environment: environment, passed: passed, errorLog: errorLog)
    }

    static let haproxy = "/usr/sbin/haproxy"
    /// HAProxy does not start where there are fewer descriptors than its maxconn needs.
    static let haproxyDefaults = defaults.replacing("maxconn 5000", with: "maxconn 400")

    /// Debian's HAProxy in the place of the built program, with the same file.
    func startHAProxy(_ sections: String) throws {
        write(Self.haproxyDefaults + sections + "\n")
        var spawn = Spawn(
            path: Self.haproxy,
            arguments: ["haproxy", "-db", "-q", "-f", "\(directory)/haproxy.cfg"],
            environment: ["PATH=/usr/bin:/bin"]
        )
        spawn.dieWithParent = true
        process = ChildProcessBox(try spawn.start())
    }

    func restart(
        environment: [String] = [],
        passed: [(descriptor: Int32, name: String)] = [],
        errorLog: String? = nil
    ) throws {
        var spawn = Spawn(
            path: Self.binary,
            arguments: [
                "tandem-proxy", "-f", "\(directory)/haproxy.cfg", "--runtime-dir",
                "\(directory)/run",
            ],
            environment: ["PATH=/usr/bin:/bin"] + environment
        )
        var log: Int32 = -1
        if let errorLog {
            log = open(errorLog, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
        }
        defer { if log >= 0 { close(log) } }
        spawn.standardError = log >= 0 ? log : STDERR_FILENO
        spawn.dieWithParent = true
        spawn.passed = passed
        process = ChildProcessBox(try spawn.start())
    }

    /// Until the first connection is taken.
    func waitForPort(_ port: UInt16) throws {
        for _ in 0..<500 {
            if let client = try? Client(port: port) {
                client.close()
                return
            }
            usleep(10_000)
        }
        throw LabError("nothing listens on \(port)")
    }

    /// Until somebody listens there, who notices nothing of it.
    func waitForListener(_ port: UInt16) throws {
        for _ in 0..<500 {
            let text = String(
                decoding: (try? readFile("/proc/thread-self/net/tcp")) ?? [],
                as: UTF8.self
            )
            let suffix = ":" + String(port, radix: 16, uppercase: true) + " 00000000:0000 0A"
            if text.contains(suffix) { return }
            usleep(10_000)
        }
        throw LabError("nothing listens on \(port)")
    }

    /// The port is bound before the proxy's own socket.
    func connectControl() throws -> FileDescriptor {
        for _ in 0..<200 {
            if let socket = try? UnixSocket.connect(to: "\(directory)/run/proxy.sock") {
                return socket
            }
            usleep(10_000)
        }
        return try UnixSocket.connect(to: "\(directory)/run/proxy.sock")
    }

    /// The first log line that holds all of these.
    func line(holding parts: String..., within seconds: Int = 5) throws -> String {
        for _ in 0..<(seconds * 100) {
            readLines()
            if let found = lines.first(where: { line in parts.allSatisfy { line.contains($0) } }) {
                return found
            }
            usleep(10_000)
        }
        throw LabError("no line with \(parts) in \(lines)")
    }

    func readLines() {
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = recv(logSocket, &buffer, buffer.count, Int32(MSG_DONTWAIT))
            guard count > 0 else { return }
            lines.append(String(decoding: buffer.prefix(count), as: UTF8.self))
        }
    }
}

/// A child that a class may keep.
final class ChildProcessBox {
    private let child: ChildProcess
    private var hasEnded = false
    var pid: Int32 { child.pid }

    init(_ child: consuming ChildProcess) { self.child = child }

    func signal(_ number: Int32) { child.signal(number) }

    func wait() -> ExitCause? {
        for _ in 0..<1000 {
            if let cause = child.reap() {
                hasEnded = true
                return cause
            }
            usleep(5000)
        }
        return nil
    }

    // Nobody else reaps it, and a child that nobody reaps keeps exit tests from seeing theirs.
    deinit {
        guard !hasEnded else { return }
        child.signal(SIGKILL)
        _ = wait()
    }
}

/// A blocking TCP client with a time limit.
struct Client {
    let descriptor: Int32

    init(connected descriptor: Int32) { self.descriptor = descriptor }

    /// `source`: the address to connect from, in host order; nil: any.
    init(port: UInt16, from source: UInt32? = nil) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var limit = timeval(tv_sec: 20, tv_usec: 0)
        setsockopt(
            descriptor,
            SOL_SOCKET,
            SO_RCVTIMEO,
            &limit,
            socklen_t(MemoryLayout<timeval>.size)
        )
        if let source { try check(tandem_ipv4_bind(descriptor, source, 0), "bind") }
        let result = tandem_ipv4_connect(descriptor, 0x7F00_0001, port)
        guard result == 0 else {
            Glibc.close(descriptor)
            throw SystemCallError("connect", on: "\(port)", errno: -result)
        }
    }

    @discardableResult
    func send(_ bytes: [UInt8]) -> Bool {
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return false }
            sent += count
        }
        return true
    }

    func finishSending() { shutdown(descriptor, Int32(SHUT_WR)) }

    /// Nil on an error or after the time limit; empty at the end.
    func receive(_ limit: Int = 65536) -> [UInt8]? {
        var buffer = [UInt8](repeating: 0, count: limit)
        let count = recv(descriptor, &buffer, limit, 0)
        return count < 0 ? nil : Array(buffer.prefix(count))
    }

    func receiveAll(slowly: Bool = false) -> [UInt8]? {
        var all: [UInt8] = []
        while let part = receive(slowly ? 10_000 : 65536) {
            if part.isEmpty { return all }
            all += part
            if slowly, all.count % 7 == 0 { usleep(500) }
        }
        return nil
    }

    func hasSomething(within milliseconds: Int32) -> Bool {
        tandem_wait_readable(descriptor, milliseconds) == 1
    }

    func close() { Glibc.close(descriptor) }
}

/// Sends back what it got once the client has ended; in the namespace of the thread that makes it.
final class EchoServer: Sendable {
    let listener: Int32

    init(port: UInt16) throws {
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        tandem_setsockopt_int(listener, SOL_SOCKET, SO_REUSEADDR, 1)
        try check(tandem_ipv4_bind(listener, 0x7F00_0001, port), "bind")
        listen(listener, 4096)
        runOnThread { [listener] in
            while true {
                let accepted = accept(listener, nil, nil)
                guard accepted >= 0 else { return }
                pthread_detach(runOnThread { Self.serve(accepted) })
            }
        }
    }

    func stop() {
        shutdown(listener, Int32(SHUT_RDWR))
        close(listener)
    }

    private static func serve(_ descriptor: Int32) {
        var all: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = recv(descriptor, &buffer, buffer.count, 0)
            guard count > 0 else { break }
            all += buffer.prefix(count)
        }
        var sent = 0
        while sent < all.count {
            let count = all[sent...].withUnsafeBytes {
                send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { break }
            sent += count
        }
        close(descriptor)
    }
}

private final class Body: Sendable {
    let run: @Sendable () -> Void

    init(_ run: @escaping @Sendable () -> Void) { self.run = run }
}

private nonisolated func bodyEntry(
    _ argument: UnsafeMutableRawPointer?
) -> UnsafeMutableRawPointer? {
    guard let argument else { return nil }
    Unmanaged<Body>.fromOpaque(argument).takeRetainedValue().run()
    return nil
}

/// A thread that is neither joined nor detached keeps its stack for good.
@discardableResult
func runOnThread(_ body: @escaping @Sendable () -> Void) -> pthread_t {
    var thread = pthread_t()
    let result = pthread_create(
        &thread,
        nil,
        bodyEntry,
        Unmanaged.passRetained(Body(body)).toOpaque()
    )
    precondition(result == 0, "pthread_create: \(result)")
    return thread
}

/// Runs a test on a thread of its own, whose namespace nobody else has; what it throws is thrown.
func inLab(_ body: @escaping @Sendable (ProxyLab) throws -> Void) throws {
    let outcome = Outcome()
    let thread = runOnThread {
        do { try body(try ProxyLab()) } catch { outcome.error = error }
    }
    pthread_join(thread, nil)
    if let error = outcome.error { throw error }
}

private final class Outcome: @unchecked Sendable {
    var error: (any Error)?
}
