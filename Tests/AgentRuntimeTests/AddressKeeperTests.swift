import Glibc
import LinuxIO
import Netlink
import Primitives
import Testing
import VRRP

@testable import AgentRuntime

/// A kernel that answers every request with the next errno of its list, and with success when that is empty.
private struct AnsweringSocket: RouteSocket, ~Copyable {
    var errnos: [Int32]
    /// Says nothing at all.
    var isSilent = false
    private var answers: [[UInt8]] = []

    init(_ errnos: [Int32] = []) { self.errnos = errnos }

    mutating func send(_ message: [UInt8]) throws(SystemCallError) {
        let errno = errnos.isEmpty ? 0 : errnos.removeFirst()
        var writer = ByteWriter()
        writer.littleEndian(UInt32(36))
        writer.littleEndian(UInt16(2))  // NLMSG_ERROR
        writer.littleEndian(UInt16(0))
        writer.append(message[8..<12])  // the request's sequence
        writer.littleEndian(UInt32(0))
        writer.littleEndian(UInt32(bitPattern: -errno))
        writer.append(message.prefix(16))
        answers.append(writer.bytes)
    }

    mutating func receive(within wait: Duration) throws(SystemCallError) -> ArraySlice<UInt8>? {
        guard !isSilent, !answers.isEmpty else { return nil }
        return answers.removeFirst()[...]
    }
}

@Suite("Putting and removing addresses")
struct AddressKeeperTests {
    private let settings: RouterSettings
    private let view: NetworkView
    private let addresses: [VirtualAddress]

    init() {
        addresses = (100...102).map {
            VirtualAddress(prefix: Prefix(host: .v4(IPv4Address(192, 168, 0, $0))))
        }
        settings = RouterSettings(
            name: "VI_1",
            interface: "eth0",
            virtualRouterID: 51,
            addresses: addresses
        )
        var view = NetworkView()
        view.apply(.interfaceChanged(NetworkInterface(index: 2, name: "eth0", flags: 0x11043)))
        self.view = view
    }

    @Test func `an address has the lifetime of the configuration, or none`() throws {
        let put = try #require(addresses[0].onInterface(of: settings, in: view))
        #expect(put.lifetime == 2)
        #expect(put.interface == 2)
        var forever = settings
        forever.addressLifetime = .zero
        #expect(addresses[0].onInterface(of: forever, in: view)?.lifetime == nil)
        var elsewhere = addresses[0]
        elsewhere.interface = "eth7"
        #expect(elsewhere.onInterface(of: settings, in: view) == nil)
    }

    @Test func `what the kernel refuses is returned with its errno, the rest is put`() {
        var keeper = AddressKeeper(socket: AnsweringSocket([0, EPERM, 0]))
        let failures = keeper.put(addresses, of: settings, in: view)
        #expect(failures.map(\.address) == [addresses[1]])
        #expect(failures.map(\.error.errno) == [EPERM])
    }

    @Test func `a kernel that is silent costs one wait and not one an address`() {
        var socket = AnsweringSocket()
        socket.isSilent = true
        var keeper = AddressKeeper(socket: socket)
        let begin = Clock.now
        let failures = keeper.put(addresses, of: settings, in: view)
        #expect(failures.map(\.error.errno) == [ETIMEDOUT, ETIMEDOUT, ETIMEDOUT])
        #expect(Clock.now - begin < .milliseconds(50))
    }

    @Test func `only what was there counts as removed`() {
        var keeper = AddressKeeper(socket: AnsweringSocket([EADDRNOTAVAIL, 0, EBUSY]))
        let (removed, failures) = keeper.remove(addresses, of: settings, in: view)
        #expect(removed == [addresses[1]])
        #expect(failures.map(\.address) == [addresses[2]])
    }

    @Test func `an address may be put for two advertisements' time after the last one`() {
        var router = RouterShell(
            settings: settings,
            facts: InterfaceFacts(of: "eth0", in: view, lent: [])
        )
        let sent = Instant(nanoseconds: 7_000_000_000)
        #expect(!router.mayHoldAddresses(at: sent))
        router.advertisedAt = sent
        #expect(router.mayHoldAddresses(at: sent + .seconds(2)))
        #expect(!router.mayHoldAddresses(at: sent + .milliseconds(2001)))
    }

    @Test
    func `a fault that comes again and again rests longer and longer, until the router serves`() {
        var router = RouterShell(
            settings: settings,
            facts: InterfaceFacts(of: "eth0", in: view, lent: [])
        )
        let now = Instant(nanoseconds: 1)
        var rests: [Duration] = []
        for _ in 0..<6 {
            let isNew = router.declare(.cannotClaim, at: now)
            let isNewAgain = router.declare(.cannotClaim, at: now)
            #expect(isNew && !isNewAgain)
            rests.append((router.nextDeadline ?? now) - now)
            router.restingFaults[.cannotClaim] = nil
        }
        #expect(rests == [5, 10, 20, 40, 60, 60].map { .seconds($0) })
        router.served(at: now + RouterShell.recovery)
        _ = router.declare(.cannotClaim, at: now)
        #expect(router.nextDeadline == now + .seconds(5))
    }
}

@Suite("What a router is told of its interface")
struct InterfaceFactsTests {
    private func view(flags: UInt32?, source: String?) -> NetworkView {
        var view = NetworkView()
        if let flags {
            view.apply(.interfaceChanged(NetworkInterface(index: 2, name: "eth0", flags: flags)))
        }
        for text in [source, "192.168.0.100/32"].compactMap(\.self) {
            guard let prefix = Prefix(text) else { continue }
            view.apply(.addressPut(InterfaceAddress(interface: 2, prefix: prefix)))
        }
        return view
    }

    private func facts(_ flags: UInt32?, _ source: String?) -> InterfaceFacts {
        InterfaceFacts(
            of: "eth0",
            in: view(flags: flags, source: source),
            lent: [IPAddress(192, 168, 0, 100)]
        )
    }

    private let up: UInt32 = 0x11043
    private let down: UInt32 = 0x1002

    @Test func `what breaks a router is told first, what mends it last`() {
        let well = facts(up, "192.168.0.193/24")
        let broken = facts(down, nil)
        let gone = facts(nil, nil)
        #expect(well.faults == [])
        #expect(
            broken.events(after: well) == [.fault(.interfaceDown), .sourceChanged(nil)]
        )
        #expect(
            well.events(after: broken) == [
                .sourceChanged(IPAddress(192, 168, 0, 193)), .faultCleared(.interfaceDown),
            ]
        )
        #expect(gone.events(after: well) == [.fault(.interfaceMissing), .sourceChanged(nil)])
        #expect(
            gone.events(after: broken) == [
                .fault(.interfaceMissing), .faultCleared(.interfaceDown),
            ]
        )
        #expect(well.events(after: well) == [])
    }

    @Test func `a virtual address is nobody's source`() {
        #expect(facts(up, nil).source == nil)
        #expect(facts(up, "10.0.0.1/8").source == IPAddress(10, 0, 0, 1))
    }
}
