import CLinux
import Glibc
import LinuxIO
import Primitives
import Testing

@testable import Netlink

/// Plays back what a kernel would say.
private struct ScriptedSocket: RouteSocket, ~Copyable {
    enum Answer {
        case datagram([UInt8])
        case failure(Int32)
        case silence
    }

    var answers: [Answer]
    private(set) var sent: [[UInt8]] = []

    init(_ answers: [Answer]) { self.answers = answers }

    mutating func send(_ message: [UInt8]) throws(SystemCallError) {
        sent.append(message)
    }

    mutating func receive(within wait: Duration) throws(SystemCallError) -> ArraySlice<UInt8>? {
        guard !answers.isEmpty else { return nil }
        switch answers.removeFirst() {
        case .datagram(let bytes): return bytes[...]
        case .failure(let errno): throw SystemCallError("read netlink", errno: errno)
        case .silence: return nil
        }
    }
}

@Suite("Requests and their answers")
struct SessionTests {
    private let address = InterfaceAddress(
        interface: 2,
        prefix: Prefix(host: .v4(IPv4Address(192, 168, 0, 100)))
    )

    private func message(
        _ type: Int32,
        flags: Int32 = 0,
        sequence: UInt32,
        body: [UInt8]
    ) -> [UInt8] {
        var writer = ByteWriter()
        writer.littleEndian(UInt32(16 + body.count))
        writer.littleEndian(UInt16(type))
        writer.littleEndian(UInt16(flags))
        writer.littleEndian(sequence)
        writer.littleEndian(UInt32(99))
        writer.append(body)
        return writer.bytes
    }

    private func acknowledgement(_ sequence: UInt32, errno: Int32 = 0) -> [UInt8] {
        var body = ByteWriter()
        body.littleEndian(UInt32(bitPattern: -errno))
        body.append([UInt8](repeating: 0, count: 16))
        return message(NLMSG_ERROR, sequence: sequence, body: body.bytes)
    }

    private func row(_ sequence: UInt32, _ last: UInt8, flags: Int32 = 0) -> [UInt8] {
        let body: [UInt8] = [
            2, 32, 0, 0, 2, 0, 0, 0,
            8, 0, 2, 0, 192, 168, 0, last,
        ]
        return message(
            Int32(RTM_NEWADDR),
            flags: flags | NLM_F_MULTI,
            sequence: sequence,
            body: body
        )
    }

    private func end(_ sequence: UInt32) -> [UInt8] {
        message(NLMSG_DONE, flags: NLM_F_MULTI, sequence: sequence, body: [0, 0, 0, 0])
    }

    @Test func `a late answer to an earlier request is not taken for this one's`() throws {
        var table = RouteTable(
            socket: ScriptedSocket([
                .silence,
                .datagram(acknowledgement(1, errno: EEXIST)),
                .datagram(acknowledgement(2)),
            ])
        )
        #expect(
            throws: SystemCallError(
                "wait for netlink",
                on: "192.168.0.100/32 on interface 2",
                errno: ETIMEDOUT
            )
        ) {
            try table.put(address)
        }
        try table.put(address)
    }

    @Test func `a refusal carries the kernel's own words`() throws {
        let words = Array("Device is down".utf8) + [0]
        var body = ByteWriter()
        body.littleEndian(UInt32(bitPattern: -ENETDOWN))
        body.append([UInt8](repeating: 0, count: 16))
        body.littleEndian(UInt16(4 + words.count))
        body.littleEndian(UInt16(NLMSGERR_ATTR_MSG.rawValue))
        body.append(words)
        let refusal = message(
            NLMSG_ERROR,
            flags: NLM_F_CAPPED | NLM_F_ACK_TLVS,
            sequence: 1,
            body: body.bytes
        )
        var table = RouteTable(socket: ScriptedSocket([.datagram(refusal)]))
        #expect(
            throws: SystemCallError(
                "add address",
                on: "192.168.0.100/32 on interface 2 (Device is down)",
                errno: ENETDOWN
            )
        ) { try table.put(address) }
    }

    @Test(arguments: [EADDRNOTAVAIL, ENODEV])
    func `removing what is gone is no error`(_ errno: Int32) throws {
        var table = RouteTable(
            socket: ScriptedSocket([
                .datagram(acknowledgement(1, errno: errno)), .datagram(acknowledgement(2)),
                .datagram(acknowledgement(3, errno: EPERM)),
            ])
        )
        #expect(try table.remove(address) == false)
        #expect(try table.remove(address) == true)
        #expect(throws: SystemCallError.self) { try table.remove(address) }
    }

    @Test func `a listing in several datagrams is put together`() throws {
        var table = RouteTable(
            socket: ScriptedSocket([
                .datagram(row(1, 1) + row(1, 2)), .datagram(row(1, 3)), .datagram(end(1)),
            ])
        )
        let addresses = try table.addresses()
        #expect(
            addresses.map(\.prefix.description) == [
                "192.168.0.1/32", "192.168.0.2/32", "192.168.0.3/32",
            ]
        )
    }

    @Test func `a listing that changed while it was read is read again`() throws {
        var table = RouteTable(
            socket: ScriptedSocket([
                .datagram(row(1, 1, flags: NLM_F_DUMP_INTR) + end(1)),
                .datagram(row(2, 7) + end(2)),
            ])
        )
        #expect(try table.addresses().map(\.prefix.description) == ["192.168.0.7/32"])
        var restless = RouteTable(
            socket: ScriptedSocket(
                (1...10).map { .datagram(row($0, 1, flags: NLM_F_DUMP_INTR) + end($0)) }
            )
        )
        #expect(throws: SystemCallError("list", on: "addresses", errno: EAGAIN)) {
            try restless.addresses()
        }
    }

    @Test func `a kernel that never answers costs milliseconds`() throws {
        var table = RouteTable(socket: try KernelRouteSocket())
        var request = RouteRequest(type: RTM_GETADDR, flags: 0, subject: "nothing")
        request.attribute(1, [])
        let begin = Clock.now
        // Without NLM_F_ACK and with a body that is too short, nothing comes back that is ours.
        var session = RouteSession(socket: ScriptedSocket([.silence]))
        #expect(throws: SystemCallError.self) { try session.acknowledge(request) }
        _ = try table.interfaces()
        let spent = Clock.now - begin
        print("a silent kernel and one listing: \(spent)")
        #expect(spent < .milliseconds(200))
    }
}

@Suite("The view of the kernel's tables")
struct NetworkViewTests {
    private let eth0 = NetworkInterface(index: 2, name: "eth0", flags: 0x11043)

    private func address(_ text: String, lifetime: UInt32? = nil) throws -> InterfaceAddress {
        InterfaceAddress(
            interface: 2,
            prefix: try #require(Prefix(text)),
            lifetime: lifetime
        )
    }

    @Test func `what was lost is found by a full listing`() throws {
        var view = NetworkView()
        let host = try address("192.168.0.193/24")
        let virtual = try address("192.168.0.100/32", lifetime: 2)
        #expect(
            view.replace(interfaces: [eth0], addresses: [host, virtual])
                == [.interfaceChanged(eth0), .addressPut(host), .addressPut(virtual)]
        )
        var down = eth0
        down.flags = 0x1003
        #expect(
            view.replace(interfaces: [down], addresses: [host])
                == [.addressRemoved(virtual), .interfaceChanged(down)]
        )
        #expect(
            view.replace(interfaces: [], addresses: [])
                == [.addressRemoved(host), .interfaceRemoved(down)]
        )
    }

    @Test func `a lifetime that goes on is no change`() throws {
        var view = NetworkView()
        _ = view.replace(
            interfaces: [eth0],
            addresses: [try address("192.168.0.100/32", lifetime: 2)]
        )
        #expect(
            view.replace(
                interfaces: [eth0],
                addresses: [try address("192.168.0.100/32", lifetime: 1)]
            ) == []
        )
    }

    @Test func `the primary address is the first that is neither lent nor secondary`() throws {
        var view = NetworkView()
        var secondary = try address("192.168.0.50/24")
        secondary.flags = 1
        for address in [
            try address("192.168.0.100/32"), secondary, try address("192.168.0.193/24"),
        ] { view.apply(.addressPut(address)) }
        view.apply(.interfaceChanged(eth0))
        let lent: Set = [IPAddress(192, 168, 0, 100)]
        #expect(view.primaryAddress(of: 2, except: lent) == IPAddress(192, 168, 0, 193))
        #expect(view.primaryAddress(of: 2, except: []) == IPAddress(192, 168, 0, 100))
        #expect(view.primaryAddress(of: 3, except: lent) == nil)
        view.apply(.interfaceRemoved(eth0))
        #expect(view.addresses.isEmpty)
    }

    @Test func `an own address behind a lent one of its network is a source all the same`() throws {
        var view = NetworkView()
        var own = try address("192.168.0.193/24")
        own.flags = 1
        view.apply(.addressPut(try address("192.168.0.100/24")))
        view.apply(.addressPut(own))
        let lent: Set = [IPAddress(192, 168, 0, 100)]
        #expect(view.primaryAddress(of: 2, except: lent) == IPAddress(192, 168, 0, 193))
        view.apply(.addressPut(try address("10.0.0.1/8")))
        #expect(view.primaryAddress(of: 2, except: lent) == IPAddress(10, 0, 0, 1))
    }
}
