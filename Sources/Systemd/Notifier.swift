import CLinux
import CSystemd
import Glibc
import LinuxIO

/// The daemon's end of systemd's notify protocol (sd_notify(3)), whoever the service manager is.
///
/// It writes the datagram itself: `sd_notify` blocks while the manager's queue is full, and a manager that
/// hangs must not stop an event loop (docs/decisions/0001-notify-datagram.md).
package struct Notifier: ~Copyable {
    private let socket: FileDescriptor?
    private let path: String
    /// Messages that the manager's full queue, or its absence, cost.
    package private(set) var lost: UInt64 = 0

    /// Takes `NOTIFY_SOCKET` out of the environment, so that no child speaks in our name.
    package init() {
        let address = unsafe getenv("NOTIFY_SOCKET").map { unsafe String(cString: $0) } ?? ""
        unsafe unsetenv("NOTIFY_SOCKET")
        path = address
        let usable = address.hasPrefix("/") || address.hasPrefix("@")
        socket = usable ? try? UnixDatagram.sender() : nil
    }

    /// True when there is a service manager to talk to.
    package var isActive: Bool { socket != nil }

    package mutating func ready(status: String) {
        DaemonLog.beginServing()
        send("READY=1\nSTATUS=\(Self.oneLine(status))")
    }

    package mutating func status(_ text: String) {
        send("STATUS=\(Self.oneLine(text))")
    }

    /// To be sent only by the loop that does the work, and only when it has turned.
    package mutating func watchdog() {
        send("WATCHDOG=1")
    }

    package mutating func reloading() {
        let microseconds = tandem_monotonic_microseconds()
        send("RELOADING=1\nMONOTONIC_USEC=\(microseconds)")
    }

    package mutating func stopping() {
        send("STOPPING=1")
    }

    /// Hands a listening socket to the fd store under a name, to be given back at the next start.
    package mutating func store(_ descriptor: Int32, name: String) {
        send("FDSTORE=1\nFDNAME=\(Self.oneLine(name))", descriptors: [descriptor])
    }

    /// Takes the descriptors of that name out of the fd store.
    package mutating func forget(name: String) {
        send("FDSTOREREMOVE=1\nFDNAME=\(Self.oneLine(name))")
    }

    private mutating func send(_ text: String, descriptors: [Int32] = []) {
        guard socket != nil else { return }
        do throws(SystemCallError) {
            try transmit(Array(text.utf8), descriptors)
        } catch {
            lost += 1
        }
    }

    private borrowing func transmit(
        _ bytes: [UInt8],
        _ descriptors: [Int32]
    )
        throws(SystemCallError)
    {
        switch socket {
        case .some(let socket):
            try UnixDatagram.send(bytes, descriptors: descriptors, from: socket, to: path)
        case .none: break
        }
    }

    /// systemd drops a whole message of more than 4096 bytes.
    private static let textLimit = 1024

    private static func oneLine(_ text: String) -> String {
        String(text.map { $0.isNewline ? " " : $0 }).clamped(toBytes: textLimit).withoutControls
    }
}

/// What the service manager gave this process at its start.
package enum ServiceEnvironment {
    /// How often the manager wants to hear `WATCHDOG=1` at the latest; nil: never (sd_watchdog_enabled(3)).
    package static func watchdogInterval() -> Duration? {
        var microseconds: UInt64 = 0
        guard unsafe sd_watchdog_enabled(0, &microseconds) > 0 else { return nil }
        return .microseconds(Int64(clamping: microseconds))
    }

    /// How many descriptors the manager keeps for this process; nil where it does not say (`FDSTORE` of systemd 254).
    package static func storeLimit() -> Int? {
        unsafe getenv("FDSTORE").flatMap { unsafe Int(String(cString: $0)) }
    }

    /// Descriptors from the fd store or from socket units, with their names (sd_listen_fds_with_names(3)).
    /// They are close-on-exec and the caller's.
    package static func receivedDescriptors() -> [(descriptor: Int32, name: String)] {
        var names: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
        let count = unsafe sd_listen_fds_with_names(1, &names)
        guard count > 0 else { return [] }
        var received: [(Int32, String)] = []
        for index in 0..<count {
            var name = ""
            if let list = unsafe names, let text = unsafe list[Int(index)] {
                name = unsafe String(cString: text)
                unsafe free(text)
            }
            received.append((3 + index, name))
        }
        if let list = unsafe names { unsafe free(list) }
        return received
    }
}
