import Glibc
import Links
package import LinuxIO
package import Messages
import Primitives

/// Why the supervisor gave no answer, in words for the operator.
package enum ControlError: Error, Equatable, Sendable, CustomStringConvertible {
    /// Nothing listens on the socket, or this user may not connect.
    case unreachable(SystemCallError, socket: String)
    /// The supervisor did not answer for this long.
    case silent(Duration)
    /// The link ended before the answer did.
    case closed(String)
    case system(SystemCallError)
    /// The journal, where systemd keeps a unit's output, can't be read.
    case journal(SystemCallError, unit: String)

    package var description: String {
        switch self {
        case .unreachable(let error, let socket):
            switch error.errno {
            case ENOENT: "\(socket) no such file"
            case ECONNREFUSED: "\(socket) refused connection"
            case EACCES, EPERM: "\(socket) permission denied"
            default: "\(socket) \(errorText(error.errno))"
            }
        case .silent(let limit):
            "the supervisor has not answered for \(limit.milliseconds / 1000) s: it hangs, or is stopped"
        case .closed(let reason): "the supervisor ended the conversation: \(reason)"
        case .system(let error): "\(error)"
        case .journal(let error, let unit):
            switch error.errno {
            case EACCES, EPERM:
                "this user may not read the journal, where systemd keeps the output of \(unit)"
            default: "\(error)"
            }
        }
    }

    /// What the operator does about it.
    package var advice: String? {
        switch self {
        case .unreachable(let error, _):
            switch error.errno {
            case ENOENT, ECONNREFUSED:
                "is tandem-supervisor running? `systemctl status tandem-supervisor`, and"
                    + " `systemctl start tandem.target` starts all three; where it runs with"
                    + " --runtime-dir DIR, say `tandemctl -s DIR/supervisor.sock`"
            case EACCES, EPERM: "become root, or join the group tandem"
            default: nil
            }
        case .silent: "`systemctl restart tandem-supervisor`: agent and proxy go on meanwhile"
        case .closed: "`journalctl -u tandem-supervisor` says why"
        case .system: nil
        case .journal(let error, let unit):
            switch error.errno {
            case EACCES, EPERM:
                "as root: `journalctl -u \(unit)`; to be allowed to: join the group systemd-journal"
                    + " (or adm), `usermod -a -G systemd-journal USER`, and log in anew"
            default: "`journalctl -u \(unit)`"
            }
        }
    }
}

/// One conversation with the supervisor: a request, then replies until `end`.
package struct ControlConnection: ~Copyable {
    package static let defaultSocket = RuntimeDirectory.defaultPath + "/supervisor.sock"

    private var link: FrameLink<ControlReply, ControlRequest>
    private var poller: Poller

    private init(socket: consuming FileDescriptor, peer: PeerCredentials, poller: consuming Poller)
    {
        self.poller = poller
        link = FrameLink(socket: socket, peer: peer)
    }

    /// Waits at most `silence` for a supervisor that others crowd.
    package static func open(
        _ path: String,
        silence: Duration = .seconds(5)
    ) throws(ControlError) -> ControlConnection {
        do throws(SystemCallError) {
            let socket = try UnixSocket.connect(to: path, patience: silence)
            let peer = try UnixSocket.peer(of: socket)
            let poller = try Poller(batch: 1)
            try poller.add(socket.rawValue, token: 0)
            return ControlConnection(socket: socket, peer: peer, poller: poller)
        } catch {
            switch (error.call, error.errno) {
            case ("connect", EAGAIN): throw .silent(silence)
            case ("connect", _): throw .unreachable(error, socket: path)
            default: throw .system(error)
            }
        }
    }

    /// Sends the request and hands over every reply before `end`. `silence` bounds the wait for each
    /// reply; nil: for ever.
    package mutating func ask(
        _ request: ControlRequest,
        silence: Duration?,
        each: (ControlReply) -> Void
    ) throws(ControlError) {
        guard link.send(request) else { throw .closed("it does not read") }
        var ready: [ReadyEvent] = []
        var deadline = silence.map { Clock.now + $0 }
        while true {
            switch link.receive() {
            case .frame(let frame):
                guard frame.message != .end else { return }
                each(frame.message)
                deadline = silence.map { Clock.now + $0 }
            case .closed(let reason): throw .closed(reason)
            case .nothing:
                if let deadline, let silence, Clock.now >= deadline { throw .silent(silence) }
                ready.removeAll(keepingCapacity: true)
                do throws(SystemCallError) {
                    try poller.wait(until: deadline, into: &ready)
                } catch {
                    throw .system(error)
                }
            }
        }
    }
}
