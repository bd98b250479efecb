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
        guard !isSilent, !answers.isEmpty else {
            if wait > .zero { usleep(UInt32(clamping: wait.nanoseconds / 1000)) }
            return nil
        }
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
        var places = Placements()
        let failures = keeper.put(addresses, of: settings, in: view, noting: &places)
        #expect(failures.map(\.address) == [addresses[1]])
        #expect(failures.map(\.error.errno) == [EPERM])
    }

    @Test func `a kernel that is silent costs one wait and not one an address`() {
        var socket = AnsweringSocket()
        socket.isSilent = true
        var keeper = AddressKeeper(socket: socket)
        let begin = Clock.now
        var places = Placements()
        let failures = keeper.put(addresses, of: settings, in: view, noting: &places)
        #expect(failures.map(\.error.errno) == [ETIMEDOUT, ETIMEDOUT, ETIMEDOUT])
        #expect(Clock.now - begin < .milliseconds(50))
    }

    @Test func `a kernel that is silent costs one wait when addresses are taken away, too`() {
        var socket = AnsweringSocket()
        socket.isSilent = true
        var keeper = AddressKeeper(socket: socket)
        let many = Array(repeating: addresses, count: 20).flatMap(\.self)
        let begin = Clock.now
        var places = Placements()
        let failures = keeper.remove(many, of: settings, in: view, from: &places).failures
        #expect(failures.map(\.error.errno) == Array(repeating: ETIMEDOUT, count: 60))
        #expect(Clock.now - begin < .milliseconds(50))
    }

    @Test func `only what was there counts as removed`() {
        var keeper = AddressKeeper(socket: AnsweringSocket([EADDRNOTAVAIL, 0, EBUSY]))
        var places = Placements()
        let (removed, failures) = keeper.remove(addresses, of: settings, in: view, from: &places)
        #expect(removed == [addresses[1]])
        #expect(failures.map(\.address) == [addresses[2]])
    }

    private func view(_ index: Int32, _ name: String) -> NetworkView {
        var view = NetworkView()
        view.apply(.interfaceChanged(NetworkInterface(index: index, name: name, flags: 0x11043)))
        return view
    }

    @Test func `an address is taken away from where it was put, whatever that is called by then`() {
        var keeper = AddressKeeper(socket: AnsweringSocket())
        var places = Placements()
        #expect(keeper.put(addresses, of: settings, in: view, noting: &places) == [])
        #expect(Set(places.all.map(\.interface)) == [2] && places.all.count == 3)
        let (removed, failures) = keeper.remove(
            addresses,
            of: settings,
            in: view(2, "lan0"),
            from: &places
        )
        #expect(removed == addresses && failures == [])
        #expect(places.isEmpty)
    }

    @Test func `what the kernel does not confirm is still somewhere`() {
        var keeper = AddressKeeper(socket: AnsweringSocket([0, 0, 0, EBUSY, 0, EADDRNOTAVAIL]))
        var places = Placements()
        _ = keeper.put(addresses, of: settings, in: view, noting: &places)
        let (removed, failures) = keeper.remove(addresses, of: settings, in: view, from: &places)
        #expect(removed == [addresses[1]])
        #expect(failures.map(\.address) == [addresses[0]])
        #expect(places.all.map(\.prefix) == [addresses[0].prefix])
        #expect(!places.isEmpty)
    }

    @Test func `an address that is put elsewhere leaves nothing where it was`() {
        var keeper = AddressKeeper(socket: AnsweringSocket())
        var places = Placements()
        _ = keeper.put([addresses[0]], of: settings, in: view(2, "eth0"), noting: &places)
        _ = keeper.put([addresses[0]], of: settings, in: view(7, "eth0"), noting: &places)
        #expect(places.target(of: addresses[0])?.interface == 7)
        #expect(places.strays.map(\.interface) == [2])
        #expect(places.places(of: addresses[0]).map(\.interface) == [7, 2])
        keeper.removeStrays(from: &places)
        #expect(places.all.map(\.interface) == [7])
        let key = InterfaceAddress.Key(interface: 7, prefix: addresses[0].prefix)
        #expect(places.forget(key) == addresses[0])
        #expect(places.isEmpty)
    }

    @Test func `each address that is refused is remembered by itself`() {
        var router = RouterShell(
            settings: settings,
            facts: InterfaceFacts(of: "eth0", in: view, lent: [])
        )
        let begin = Instant(nanoseconds: 1)
        let (first, second, third) = (addresses[0], addresses[1], addresses[2])
        #expect(router.note(put: addresses, refused: [second], at: begin) == [second])
        // Another one comes back, and a third one goes: neither is the second one's affair.
        let later = begin + .seconds(1)
        #expect(router.note(put: [first], refused: [], at: later) == [])
        #expect(router.unclaimed.map(\.address) == [second])
        #expect(router.note(put: [third], refused: [third], at: later) == [third])
        #expect(router.note(put: [second], refused: [second], at: later) == [])
        #expect(!router.lacksAddressTooLong(at: begin + .milliseconds(1999)))
        #expect(router.lacksAddressTooLong(at: begin + .seconds(2)))
        #expect(router.note(put: [second], refused: [], at: later) == [])
        #expect(router.unclaimed.map(\.since) == [later])
        #expect(router.nextDeadline == later + RouterShell.retryInterval)
    }

    @Test func `an interface that is made again and again has one former setting of each`() {
        var former = FormerSettings()
        for _ in 0..<3 {
            for setting in InterfaceSetting.belowVirtualInterface {
                former.note(setting, of: "eth0")
                former.note(setting, of: "eth1")
            }
        }
        #expect(former.entries.count == 4)
        var promotions = Promotions()
        promotions.note(2, setHere: true)
        promotions.note(2, setHere: false)
        promotions.note(3, setHere: false)
        #expect(promotions.isOurs == [2: true, 3: false])
        promotions.keep { $0 == 3 }
        #expect(promotions.isOurs == [3: false])
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
