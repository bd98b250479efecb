import CLinux
import Glibc
import LinuxIO
import Primitives
import Testing

@testable import Netlink

/// What the kernel makes of addresses of both families, of gateways and of a virtual router's interface.
@Suite("Addresses of both families", .timeLimit(.minutes(1)))
struct FamilyTests {
    private func table() throws -> RouteTable<KernelRouteSocket> {
        RouteTable(socket: try KernelRouteSocket())
    }

    private func index(_ name: String) throws -> Int32 {
        try check(tandem_interface_index(name), "index of \(name)")
    }

    private func prefix(_ text: String) throws -> Prefix { try #require(Prefix(text)) }

    @Test func `an IPv6 address is there at once, is no source, and goes by its lifetime`() throws {
        try PrivateNetwork.run {
            try PrivateNetwork.makeCable()
            var table = try self.table()
            let address = InterfaceAddress(
                interface: try self.index("eth0"),
                prefix: try self.prefix("fd00::100/128"),
                flags: UInt32(IFA_F_NODAD | IFA_F_NOPREFIXROUTE),
                lifetime: 2,
                preferredLifetime: 0
            )
            let begin = Clock.now
            for _ in 0..<3 { try table.put(address) }
            let put = try #require(try table.addresses().first { $0.key == address.key })
            #expect(put.isSettled)
            #expect(put.flags & UInt32(IFA_F_DEPRECATED) != 0)
            #expect(put.flags & UInt32(IFA_F_NOPREFIXROUTE) != 0)
            #expect(put.lifetime == 2)
            #expect(put.preferredLifetime == 0)
            while try table.addresses().contains(where: { $0.key == address.key }),
                Clock.now - begin < .seconds(6)
            {
                PrivateNetwork.sleep(.milliseconds(10))
            }
            let life = Clock.now - begin
            print("gone after \(life)")
            #expect(life > .milliseconds(1900) && life < .milliseconds(4100))
            #expect(try table.remove(address) == false)
            try table.put(address)
            #expect(try table.remove(address))
        }
    }

    @Test(arguments: ["192.0.2.1/30 192.0.2.2", "fd00::1/127 fd00::2"])
    func `an address with a peer is put, told and taken away as such`(_ text: String) throws {
        try PrivateNetwork.run {
            try PrivateNetwork.makeCable()
            let words = text.split(separator: " ")
            var table = try self.table()
            let address = InterfaceAddress(
                interface: try self.index("eth0"),
                prefix: try #require(Prefix(words[0])),
                peer: IPAddress(words[1]),
                flags: UInt32(IFA_F_NODAD)
            )
            try table.put(address)
            let put = try #require(try table.addresses().first { $0.key == address.key })
            #expect(put.peer == address.peer)
            #expect(put.lifetime == nil && put.preferredLifetime == nil)
            #expect(try table.remove(address))
            #expect(try !table.addresses().contains { $0.key == address.key })
        }
    }

    @Test func `every form of keepalived's flags reaches the kernel`() throws {
        try PrivateNetwork.run {
            try PrivateNetwork.makeCable()
            var table = try self.table()
            let interface = try self.index("eth0")
            let v6 = InterfaceAddress(
                interface: interface,
                prefix: try self.prefix("fd00::7/64"),
                flags: UInt32(IFA_F_NODAD | IFA_F_HOMEADDRESS | IFA_F_MANAGETEMPADDR)
            )
            let v4 = InterfaceAddress(
                interface: interface,
                prefix: try self.prefix("192.0.2.7/24"),
                scope: 253,
                label: "eth0:vip",
                broadcast: IPv4Address(192, 0, 2, 255),
                flags: UInt32(IFA_F_NOPREFIXROUTE),
                lifetime: 60,
                preferredLifetime: 30
            )
            for address in [v4, v6] {
                try table.put(address)
                let put = try #require(try table.addresses().first { $0.key == address.key })
                #expect(put.flags & address.flags == address.flags, "\(put)")
                #expect(put.scope == address.scope)
                #expect(put.broadcast == address.broadcast)
                #expect(put.lifetime == address.lifetime)
                #expect(put.preferredLifetime == address.preferredLifetime)
            }
            #expect(try table.addresses().contains { $0.label == "eth0:vip" })
        }
    }

    @Test func `the source is the link-local address, and never one that is lent or not settled`()
        throws
    {
        try PrivateNetwork.run {
            try PrivateNetwork.ip("link add eth0 type veth peer name peer0")
            try PrivateNetwork.ip("link set eth0 addrgenmode none")
            try PrivateNetwork.ip("link set peer0 up")
            try PrivateNetwork.ip("link set eth0 up")
            let interface = try self.index("eth0")
            var table = try self.table()
            func source(except lent: Set<IPAddress> = []) throws -> String? {
                var view = NetworkView()
                _ = view.replace(
                    interfaces: try table.interfaces(),
                    addresses: try table.addresses()
                )
                return view.primaryAddress(of: interface, family: .v6, except: lent)?.description
            }
            try PrivateNetwork.ip("address add fd00::5/64 dev eth0 nodad")
            #expect(try source() == nil)
            try PrivateNetwork.ip("address add fe80::100/64 dev eth0 nodad")
            #expect(try source() == "fe80::100")
            #expect(try source(except: [#require(IPAddress("fe80::100"))]) == nil)
            try PrivateNetwork.ip("address delete fe80::100/64 dev eth0")
            try PrivateNetwork.ip("address add fe80::200/64 dev eth0")
            #expect(try source() == nil)  // tentative
            let begin = Clock.now
            while try source() == nil, Clock.now - begin < .seconds(5) {
                PrivateNetwork.sleep(.milliseconds(20))
            }
            #expect(try source() == "fe80::200")
        }
    }

    @Test func `a lost event of an IPv6 address is found by reading all anew`() throws {
        try PrivateNetwork.run {
            try PrivateNetwork.makeCable()
            var monitor = try RouteMonitor()
            tandem_setsockopt_int(monitor.descriptor.rawValue, SOL_SOCKET, SO_RCVBUFFORCE, 2048)
            var table = try self.table()
            var address = InterfaceAddress(
                interface: try self.index("eth0"),
                prefix: try self.prefix("fd00::100/128"),
                flags: UInt32(IFA_F_NODAD)
            )
            for lifetime in 10..<200 as Range<UInt32> {
                address.lifetime = lifetime
                try table.put(address)
            }
            var lost = false
            loop: while true {
                switch try monitor.receive() {
                case .lost: lost = true
                case .nothing: break loop
                case .events: continue
                }
            }
            #expect(lost)
            var view = NetworkView()
            _ = view.replace(interfaces: try table.interfaces(), addresses: try table.addresses())
            #expect(view.contains(address.key))
            try table.remove(address)
            #expect(
                view.replace(interfaces: try table.interfaces(), addresses: try table.addresses())
                    .contains {
                        if case .addressRemoved(let gone) = $0 {
                            gone.key == address.key
                        } else {
                            false
                        }
                    }
            )
        }
    }

    @Test func `gateways are found in the order of their metrics, and other routes are none`()
        throws
    {
        try PrivateNetwork.run {
            try PrivateNetwork.makeCable()
            for line in [
                "address add 192.0.2.1/24 dev eth0", "address add fd00::1/64 dev eth0 nodad",
                "route add default via 192.0.2.254 metric 200",
                "route add default via 192.0.2.253 metric 100",
                "route add 10.0.0.0/8 via 192.0.2.250",
                "route add default via 192.0.2.252 table 7",
                "-6 route add default via fd00::fe dev eth0 metric 300",
                "route add default metric 400 nexthop via 192.0.2.60 dev eth0 nexthop via "
                    + "192.0.2.61 dev eth0",
            ] { try PrivateNetwork.ip(line) }
            var table = try self.table()
            let found = try table.defaultGateways()
            let interface = try self.index("eth0")
            #expect(found.allSatisfy { $0.interface == interface })
            #expect(
                found.map(\.address.description) == [
                    "192.0.2.253", "192.0.2.254", "fd00::fe", "192.0.2.60", "192.0.2.61",
                ]
            )
        }
    }

    @Test func `a renamed interface keeps its index, a recreated one does not`() throws {
        try PrivateNetwork.run {
            try PrivateNetwork.makeCable()
            var monitor = try RouteMonitor()
            let before = try self.index("eth0")
            for line in [
                "link set eth0 down", "link set eth0 name wan0", "link set wan0 name eth0",
                "link delete eth0", "link add eth0 type veth peer name peer0", "link set eth0 up",
            ] { try PrivateNetwork.ip(line) }
            var names: [String] = []
            var removed: [Int32] = []
            var view = NetworkView()
            while case .events(let events) = try monitor.receive() {
                for (event, _) in events {
                    view.apply(event)
                    if case .interfaceChanged(let interface) = event, interface.index == before {
                        names.append(interface.name)
                    }
                    if case .interfaceRemoved(let interface) = event {
                        removed.append(interface.index)
                    }
                }
            }
            #expect(names.contains("wan0") && names.last == "eth0")
            #expect(removed.contains(before))
            let after = try #require(view.interface(named: "eth0"))
            #expect(after.index != before)
            #expect(!after.isRunning)  // the other end is down: no carrier
        }
    }

    @Test func `a port that leaves a bridge is no interface that goes away`() throws {
        try PrivateNetwork.run {
            try PrivateNetwork.makeCable()
            try PrivateNetwork.ip("link add br0 type bridge")
            try PrivateNetwork.ip("link set peer0 master br0")
            var monitor = try RouteMonitor()
            try PrivateNetwork.ip("link set peer0 nomaster")
            PrivateNetwork.sleep(.milliseconds(20))
            var heard = 0
            while case .events(let events) = try monitor.receive() {
                for (event, _) in events {
                    heard += 1
                    if case .interfaceRemoved = event { Issue.record("\(event)") }
                }
            }
            #expect(heard > 0)
        }
    }

    @Test(arguments: [AddressFamily.v4, .v6])
    func `a virtual router's interface is made, found again and deleted`(
        _ family: AddressFamily
    ) throws {
        try PrivateNetwork.run {
            try PrivateNetwork.makeCable()
            let parent = try self.index("eth0")
            let wanted = VirtualMAC.Interface(
                name: "vrrp.51",
                parent: parent,
                hardwareAddress: VirtualMAC.address(virtualRouterID: 51, family: family)
            )
            var table = try self.table()
            try table.make(wanted)
            let refusal = #expect(throws: SystemCallError.self) { try table.make(wanted) }
            #expect(refusal?.errno == EEXIST)
            let made = try #require(try table.interfaces().first { $0.name == "vrrp.51" })
            #expect(wanted.isLeftover(made))
            #expect(made.hardwareAddress == [0, 0, 0x5E, 0, family == .v4 ? 1 : 2, 51])
            #expect(made.parent == parent && made.kind == "macvlan")
            #expect(!made.isRunning)
            for setting in InterfaceSetting.virtualInterface {
                try table.apply(setting, to: made)
                #expect(try setting.current(on: "vrrp.51") == setting.value)
            }
            try table.bringUp(interface: made.index)
            #expect(try table.interfaces().first { $0.name == "vrrp.51" }?.isRunning == true)
            // No address of its own, whatever the kernel's defaults are.
            #expect(try !table.addresses().contains { $0.interface == made.index })
            let other = VirtualMAC.Interface(
                name: "vrrp.51",
                parent: parent,
                hardwareAddress: VirtualMAC.address(virtualRouterID: 52, family: family)
            )
            #expect(!other.isLeftover(made))
            #expect(try table.delete(interface: made.index))
            #expect(try table.delete(interface: made.index) == false)
        }
    }

    @Test func `a setting is changed by netlink, and promoted addresses outlive the first`()
        throws
    {
        try PrivateNetwork.run {
            try PrivateNetwork.makeCable()
            var table = try self.table()
            let setting = InterfaceSetting.promotesSecondaries
            let eth0 = try #require(try table.interfaces().first { $0.name == "eth0" })
            #expect(try setting.current(on: "eth0") == 0)
            try table.apply(setting, to: eth0)
            #expect(try setting.current(on: "eth0") == 1)
            try table.apply(setting, to: eth0)
            let none = NetworkInterface(index: 99, name: "none", flags: 0)
            #expect(throws: SystemCallError.self) { try setting.current(on: none.name) }
            #expect(try !InterfaceSetting.isRouter(.v6, "eth0"))
            // A network of which the first address goes keeps the other.
            try PrivateNetwork.ip("address add 192.0.2.1/24 dev eth0")
            try PrivateNetwork.ip("address add 192.0.2.100/24 dev eth0")
            try PrivateNetwork.ip("address delete 192.0.2.1/24 dev eth0")
            #expect(try table.addresses().map(\.prefix.description).contains("192.0.2.100/24"))
        }
    }
}
