import Links
import LinuxIO
import Messages
import Primitives

/// The supervisor's end of the link to the agent or to the proxy: it connects, and again after each end.
final class PeerLink<Inbound: LinkMessage, Outbound: LinkMessage> {
    /// How often a connection is tried while there is none.
    static var retryInterval: Duration { .milliseconds(50) }
    /// Frames that one turn of the loop reads at most.
    static var budget: Int { 64 }

    /// What a turn brought.
    enum Event {
        case frame(Frame<Inbound>)
        case lost(reason: String)
    }

    let path: String
    let token: UInt64
    private let greeting: Outbound
    private let trusts: (PeerCredentials, Int32?) -> Bool
    /// The pid that the service manager has told of; nil: none yet.
    var expected: Int32? {
        didSet {
            // Who was refused for want of this word may be trusted by it.
            guard expected != oldValue else { return }
            refused = nil
            isRefusalTold = true
        }
    }
    private var refused: PeerCredentials?
    private var isRefusalTold = true
    private var link: FrameLink<Inbound, Outbound>?
    private(set) var isConnected = false
    private var wantsToWrite = false
    private var retryAt: Instant = .zero

    /// `trusts` judges who listens, by the kernel's word and the service manager's.
    init(
        path: String,
        token: UInt64,
        greeting: Outbound,
        trusts: @escaping (PeerCredentials, Int32?) -> Bool
    ) {
        self.path = path
        self.token = token
        self.greeting = greeting
        self.trusts = trusts
    }

    /// When the next attempt is due; nil: there is a connection.
    var nextDeadline: Instant? { isConnected ? nil : retryAt }

    /// There is news of the other end: the next attempt need not wait.
    func retryAtOnce() { retryAt = .zero }

    /// Connects if it is time; the credentials of who listens when it has come about.
    func connect(_ poller: borrowing Poller, at now: Instant) -> PeerCredentials? {
        guard !isConnected, retryAt <= now else { return nil }
        retryAt = now + Self.retryInterval
        guard let socket = try? UnixSocket.connect(to: path),
            let peer = try? UnixSocket.peer(of: socket), isTrusted(peer),
            (try? poller.add(socket.rawValue, token: token)) != nil
        else { return nil }
        link = .some(FrameLink(socket: socket, peer: peer))
        isConnected = true
        wantsToWrite = false
        send(greeting, poller)
        return peer
    }

    private func isTrusted(_ peer: PeerCredentials) -> Bool {
        if trusts(peer, expected) { return true }
        if peer != refused { isRefusalTold = false }
        refused = peer
        return false
    }

    /// Who listens there without being trusted; each is told once.
    func newStranger() -> PeerCredentials? {
        guard !isRefusalTold else { return nil }
        isRefusalTold = true
        return refused
    }

    /// False when there is no connection.
    @discardableResult
    func send(
        _ message: Outbound,
        incident: IncidentID = .none,
        _ poller: borrowing Poller
    ) -> Bool {
        guard isConnected else { return false }
        link?.send(message, incident: incident)
        watch(poller)
        return true
    }

    func ready(_ readiness: Readiness, _ poller: borrowing Poller) -> [Event] {
        guard isConnected else { return [] }
        if readiness.contains(.writable) {
            link?.flush()
            watch(poller)
        }
        var events: [Event] = []
        for _ in 0..<Self.budget {
            guard let received = link?.receive() else { return events }
            switch received {
            case .nothing: return events
            case .frame(let frame): events.append(.frame(frame))
            case .closed(let reason):
                link = nil
                isConnected = false
                events.append(.lost(reason: reason))
                return events
            }
        }
        return events
    }

    private func watch(_ poller: borrowing Poller) {
        let wants = link?.wantsToWrite ?? false
        guard wants != wantsToWrite, let descriptor = link?.socket.rawValue else { return }
        wantsToWrite = wants
        try? poller.modify(
            descriptor,
            token: token,
            for: wants ? [.readable, .writable] : .readable
        )
    }
}
