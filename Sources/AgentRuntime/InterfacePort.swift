import LinuxIO
import Primitives
import RawSockets
import VRRP

/// One interface's socket with the gate behind it, shared by the virtual routers on it.
final class InterfacePort {
    /// Packets that one turn of the loop reads at most; the rest waits for the next.
    static let budget = 64

    let name: String
    let index: Int32
    let token: UInt64
    private(set) var source: IPAddress?
    private var socket: VRRPSocket
    private var gate: PacketGate
    private var dropLog = DropLog()

    init(
        name: String,
        index: Int32,
        source: IPAddress?,
        token: UInt64,
        routers: [RouterSettings]
    ) throws(SystemCallError) {
        socket = try VRRPSocket(family: .v4, interface: (index, name))
        try socket.listen(to: [.v4(.vrrpGroup)])
        self.name = name
        self.index = index
        self.source = source
        self.token = token
        gate = PacketGate(routers: routers)
    }

    var descriptor: Int32 { socket.descriptor.rawValue }

    var dropped: UInt64 { gate.counters.total }

    var drops: DropCounters { gate.counters }

    func expect(_ routers: [RouterSettings]) {
        gate.expect(routers)
    }

    func setSource(_ source: IPAddress?) {
        self.source = source
    }

    func send(
        _ advertisement: Advertisement,
        to destination: IPAddress = .vrrpGroup(of: .v4)
    ) throws(SystemCallError) {
        let endpoints = Endpoints(source: source ?? .v4(.any), destination: destination)
        try socket.send(advertisement.encode(between: endpoints), to: destination, from: source)
    }

    /// What one read brought.
    enum Received {
        case packet(ReceivedPacket)
        /// It was dropped; the line is worth logging.
        case dropped(line: String?)
        case nothing
    }

    func receive(at now: Instant) throws(SystemCallError) -> Received {
        guard let packet = try socket.receive() else { return .nothing }
        switch gate.admit(packet.bytes) {
        case .success(let received): return .packet(received)
        case .failure(let reason): return .dropped(line: dropLog.record(reason, at: now))
        }
    }
}
