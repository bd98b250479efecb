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

/// The connection to systemd: its own socket, or else the system bus. Nothing here waits: calls are sent and
/// answers come when they come.
@safe final class SystemdBus {
    static let destination = "org.freedesktop.systemd1"
    static let manager = "org.freedesktop.systemd1.Manager"
    static let managerPath = "/org/freedesktop/systemd1"
    /// The socket that systemctl uses for root. It needs no dbus-daemon.
    static let privateSocket = "/run/systemd/private"

    private let bus: OpaquePointer
    private let usesBroker: Bool

    /// Throws what is wrong with both ways.
    init() throws(SystemCallError) {
        if let own = unsafe Self.openPrivate() {
            unsafe bus = own
            usesBroker = false
            return
        }
        var opened: OpaquePointer?
        let result = unsafe sd_bus_open_system(&opened)
        guard result >= 0, let opened = unsafe opened else {
            throw SystemCallError(
                "connect to systemd (or start with --standalone)",
                on: Self.privateSocket,
                errno: -result
            )
        }
        unsafe bus = opened
        usesBroker = true
        for member in ["PropertiesChanged", "JobRemoved"] {
            send(
                "org.freedesktop.DBus",
                "/org/freedesktop/DBus",
                "org.freedesktop.DBus",
                "AddMatch",
                [.text("type='signal',sender='\(Self.destination)',member='\(member)'")]
            )
        }
        call("Subscribe")
    }

    deinit { unsafe sd_bus_close_unref(bus) }

    private static func openPrivate() -> OpaquePointer? {
        guard unsafe access(privateSocket, F_OK) == 0 else { return nil }
        var made: OpaquePointer?
        guard unsafe sd_bus_new(&made) >= 0, let bus = unsafe made else { return nil }
        guard unsafe sd_bus_set_address(bus, "unix:path=\(privateSocket)") >= 0,
            unsafe sd_bus_start(bus) >= 0
        else {
            unsafe sd_bus_close_unref(bus)
            return nil
        }
        return unsafe bus
    }

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

    /// A call of a method of systemd's manager; the cookie of its answer, nil when it can't be sent.
    @discardableResult
    func call(_ member: String, _ arguments: [BusValue] = []) -> UInt64? {
        send(Self.destination, Self.managerPath, Self.manager, member, arguments)
    }

    /// Texts become `s` and numbers `i`.
    @discardableResult
    func send(
        _ destination: String,
        _ path: String,
        _ interface: String,
        _ member: String,
        _ arguments: [BusValue]
    ) -> UInt64? {
        var made: OpaquePointer?
        guard
            unsafe sd_bus_message_new_method_call(
                bus,
                &made,
                destination,
                path,
                interface,
                member
            ) >= 0,
            let message = unsafe made
        else { return nil }
        defer { unsafe sd_bus_message_unref(message) }
        for argument in arguments {
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
                    on: Self.privateSocket,
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
