import CLinux
import Glibc
import LinuxIO
import Primitives
import Testing

@testable import ServiceManager

@Suite("The connection to systemd", .timeLimit(.minutes(1)))
struct SystemdBusTests {
    /// A socket that listens, and whether anybody has connected to it.
    private final class Listener {
        let path: String
        private let socket: FileDescriptor

        init() throws {
            path = "/tmp/tandem-bus-\(getpid())-\(Clock.now.nanoseconds)"
            let raw = Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
            socket = FileDescriptor(owning: try check(raw, "socket"))
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
            let size = socklen_t(MemoryLayout<sockaddr_un>.size)
            let bound = withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(raw, $0, size) }
            }
            try check(bound, "bind", on: path)
            try check(listen(raw, 4), "listen", on: path)
        }

        deinit { unlink(path) }

        var wasConnectedTo: Bool {
            var request = pollfd(fd: socket.rawValue, events: Int16(POLLIN), revents: 0)
            return poll(&request, 1, 100) == 1
        }
    }

    @Test("It is made to systemd's own socket")
    func own() throws {
        let systemd = try Listener()
        let bus = try SystemdBus(socket: systemd.path)
        #expect(bus.send(.manager("StartUnit", [.text("tandem-proxy.service")])) != nil)
        #expect(systemd.wasConnectedTo)
    }

    /// On the system bus any local user could send a signal in systemd's place.
    @Test("Without that socket it is not made at all: a broker is never asked")
    func broker() throws {
        let broker = try Listener()
        setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=\(broker.path)", 1)
        defer { unsetenv("DBUS_SYSTEM_BUS_ADDRESS") }
        let error = #expect(throws: SystemCallError.self) {
            _ = try SystemdBus(socket: "/nonexistent/private")
        }
        #expect(!broker.wasConnectedTo)
        let text = error.map { "\($0)" } ?? ""
        #expect(text.contains("/nonexistent/private") && text.contains("--standalone"), "\(text)")
    }
}
