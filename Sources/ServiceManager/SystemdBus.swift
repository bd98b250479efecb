import CSystemd
import Glibc
import LinuxIO
import Primitives

/// A property's value, as far as a unit has such.
enum BusValue: Equatable, Sendable {
    case text(String)
    case number(Int64)
}

/// One message from systemd.
enum BusMessage: Equatable, Sendable {
    /// The answer to what was sent under that cookie.
    case reply(cookie: UInt64, [String: BusValue])
    case refusal(cookie: UInt64, reason: String)
    /// Properties of an object; `interface` is the one that they belong to.
    case changed(path: String, interface: String, [String: BusValue])
    /// A job has ended; `done`, `failed`, `canceled`, …
    case jobRemoved(UInt32, result: String)
    case other
}

/// A call of one of systemd's methods. Texts become `s` and numbers `i`.
struct BusCall: Equatable, Sendable {
    var path: String
    var interface: String
    var member: String
    var arguments: [BusValue]

    init(_ path: String, _ interface: String, _ member: String, _ arguments: [BusValue]) {
        self.path = path
        self.interface = interface
        self.member = member
        self.arguments = arguments
    }

    /// A method of systemd's manager.
    static func manager(_ member: String, _ arguments: [BusValue]) -> BusCall {
        BusCall(SystemdBus.managerPath, SystemdBus.manager, member, arguments)
    }
}

/// The connection to systemd, by its own socket. Nothing here waits: calls are sent and answers come when they
/// come.
///
/// There is no way by the system bus besides: systemd always has this socket, which is root's alone, as the
/// supervisor is; on the bus any local user could send this process a signal in systemd's place.
@safe final class SystemdBus {
    static let destination = "org.freedesktop.systemd1"
    static let manager = "org.freedesktop.systemd1.Manager"
    static let managerPath = "/org/freedesktop/systemd1"
    /// The socket that systemctl uses for root. It needs no dbus-daemon.
    static let privateSocket = "/run/systemd/private"

    private let bus: OpaquePointer
    private let socket: String

    /// Throws when nobody listens at `socket`.
    init(socket: String = SystemdBus.privateSocket) throws(SystemCallError) {
        self.socket = socket
        var made: OpaquePointer?
        var result = unsafe sd_bus_new(&made)
        if result >= 0 { result = unsafe sd_bus_set_address(made, "unix:path=\(socket)") }
        if result >= 0 { result = unsafe sd_bus_start(made) }
        guard result >= 0, let bus = unsafe made else {
            unsafe sd_bus_close_unref(made)
            throw SystemCallError(
                "connect to systemd (or start with --standalone)",
                on: socket,
                errno: -result
            )
        }
        unsafe self.bus = bus
    }

    deinit { unsafe sd_bus_close_unref(bus) }

    var descriptor: Int32 { unsafe sd_bus_get_fd(bus) }

    /// It has more to write.
    var wantsToWrite: Bool { unsafe sd_bus_get_events(bus) & POLLOUT != 0 }

    /// When it has to be called, whatever its descriptor says.
    var nextDeadline: Instant? {
        var microseconds = UInt64.max
        guard unsafe sd_bus_get_timeout(bus, &microseconds) >= 0, microseconds != .max else {
            return nil
        }
        // systemd counts CLOCK_MONOTONIC from 0 as "at once".
        return microseconds == 0 ? .zero : Clock.now + .milliseconds(100)
    }

    /// The cookie of the answer; nil when it can't be sent.
    func send(_ call: BusCall) -> UInt64? {
        var made: OpaquePointer?
        guard
            unsafe sd_bus_message_new_method_call(
                bus,
                &made,
                Self.destination,
                call.path,
                call.interface,
                call.member
            ) >= 0,
            let message = unsafe made
        else { return nil }
        defer { unsafe sd_bus_message_unref(message) }
        for argument in call.arguments {
            let result: Int32
            switch argument {
            case .text(let text):
                result = unsafe text.withCString { pointer in
                    unsafe sd_bus_message_append_basic(message, Self.string, pointer)
                }
            case .number(let number):
                var narrow = Int32(clamping: number)
                result = unsafe sd_bus_message_append_basic(message, Self.int32, &narrow)
            }
            guard result >= 0 else { return nil }
        }
        var cookie: UInt64 = 0
        guard unsafe sd_bus_send(bus, message, &cookie) >= 0 else { return nil }
        return cookie
    }

    /// The next message; nil when there is none now. Throws when the connection is lost.
    func next() throws(SystemCallError) -> BusMessage? {
        while true {
            var received: OpaquePointer?
            let result = unsafe sd_bus_process(bus, &received)
            guard result >= 0 else {
                throw SystemCallError(
                    "talk to systemd",
                    on: socket,
                    errno: -result
                )
            }
            guard let message = unsafe received else {
                if result == 0 { return nil }
                continue
            }
            defer { unsafe sd_bus_message_unref(message) }
            return unsafe Self.read(message)
        }
    }
}
