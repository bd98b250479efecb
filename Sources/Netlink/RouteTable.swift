import CLinux
import Glibc
package import LinuxIO
import Primitives

/// What an agent asks of the kernel's tables.
package struct RouteTable<Socket: RouteSocket & ~Copyable>: ~Copyable {
    private var session: RouteSession<Socket>

    package init(socket: consuming Socket, firstSequence: UInt32 = 1) {
        session = RouteSession(socket: socket, firstSequence: firstSequence)
    }

    package mutating func interfaces() throws(SystemCallError) -> [NetworkInterface] {
        try list(NetworkInterface.dumpRequest()) { event in
            if case .interfaceChanged(let interface) = event { interface } else { nil }
        }
    }

    /// Every address, IPv4 first, in the kernel's order: the first of a network is its primary one.
    package mutating func addresses() throws(SystemCallError) -> [InterfaceAddress] {
        try list(InterfaceAddress.dumpRequest()) { event in
            if case .addressPut(let address) = event { address } else { nil }
        }
    }

    /// Adds the address, or sets the lifetime of the one that is there anew.
    package mutating func put(_ address: InterfaceAddress) throws(SystemCallError) {
        try session.acknowledge(address.putRequest())
    }

    /// False when it was not there. `limit`: how long the kernel's answer is waited for.
    @discardableResult
    package mutating func remove(
        _ address: InterfaceAddress,
        within limit: Duration = RouteSession<Socket>.acknowledgementLimit
    ) throws(SystemCallError) -> Bool {
        do throws(SystemCallError) {
            try session.acknowledge(address.removeRequest(), within: limit)
            return true
        } catch {
            guard error.errno == EADDRNOTAVAIL || error.errno == ENODEV else { throw error }
            return false
        }
    }

    /// The ways to everywhere, of both families, the preferred one of each first. Large tables of other
    /// routes take time: ask when the answer is needed, not every turn, and by a table of its own, which is of no use
    /// any more when `limit` was too short (`ETIMEDOUT`).
    package mutating func defaultGateways(
        within limit: Duration? = nil
    ) throws(SystemCallError) -> [DefaultGateway] {
        let end = limit.map { Clock.now + $0 }
        var gateways: [DefaultGateway] = []
        for family in [AddressFamily.v4, .v6] {
            let request = DefaultGateway.dumpRequest(of: family)
            for message in try session.dump(
                request,
                within: end.map { $0 - Clock.now },
                keeping: DefaultGateway.isCandidate
            ) {
                do throws(DecodeError) {
                    gateways += try DefaultGateway.read(message)
                } catch {
                    throw SystemCallError("read netlink", on: request.subject, errno: EBADMSG)
                }
            }
        }
        return gateways.enumerated()
            .sorted { ($0.element.metric, $0.offset) < ($1.element.metric, $1.offset) }
            .map(\.element)
    }

    /// Makes the interface of a virtual router, switched off. Throws `EEXIST` when the name is taken.
    package mutating func make(_ macvlan: VirtualMAC.Interface) throws(SystemCallError) {
        try session.acknowledge(macvlan.makeRequest())
    }

    /// Changes a setting where it is otherwise.
    package mutating func apply(
        _ setting: InterfaceSetting,
        to interface: NetworkInterface
    ) throws(SystemCallError) {
        guard try setting.current(on: interface.name) != setting.value else { return }
        try session.acknowledge(setting.request(on: interface.index))
    }

    /// Switches an interface on.
    package mutating func bringUp(interface: Int32) throws(SystemCallError) {
        try session.acknowledge(VirtualMAC.upRequest(interface))
    }

    /// Deletes an interface that was made. False when it was not there.
    @discardableResult
    package mutating func delete(interface: Int32) throws(SystemCallError) -> Bool {
        do throws(SystemCallError) {
            try session.acknowledge(VirtualMAC.deleteRequest(interface))
            return true
        } catch {
            guard error.errno == ENODEV else { throw error }
            return false
        }
    }

    private mutating func list<Row>(
        _ request: RouteRequest,
        _ row: (RouteEvent) -> Row?
    ) throws(SystemCallError) -> [Row] {
        var rows: [Row] = []
        for message in try session.dump(request) {
            do throws(DecodeError) {
                if let event = try RouteEvent(message), let found = row(event) {
                    rows.append(found)
                }
            } catch {
                throw SystemCallError("read netlink", on: request.subject, errno: EBADMSG)
            }
        }
        return rows
    }
}
