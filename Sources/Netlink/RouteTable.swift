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

    /// Every IPv4 address, in the kernel's order: the first of a network is its primary one.
    package mutating func addresses() throws(SystemCallError) -> [InterfaceAddress] {
        try list(InterfaceAddress.dumpRequest()) { event in
            if case .addressPut(let address) = event { address } else { nil }
        }
    }

    /// Adds the address, or sets the lifetime of the one that is there anew.
    package mutating func put(_ address: InterfaceAddress) throws(SystemCallError) {
        try session.acknowledge(address.putRequest())
    }

    /// False when it was not there.
    @discardableResult
    package mutating func remove(_ address: InterfaceAddress) throws(SystemCallError) -> Bool {
        do throws(SystemCallError) {
            try session.acknowledge(address.removeRequest())
            return true
        } catch {
            guard error.errno == EADDRNOTAVAIL || error.errno == ENODEV else { throw error }
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
