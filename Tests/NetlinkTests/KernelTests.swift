import CLinux
import Glibc
import LinuxIO
import Primitives
import Testing

@testable import Netlink

@Suite("The kernel's side", .timeLimit(.minutes(1)))
struct KernelTests {
    /// A cable, the routing table and the virtual address of the seed configuration.
    private struct Bench: ~Copyable {
        var table: RouteTable<KernelRouteSocket>
        let port: UInt32
        var monitor: RouteMonitor
        let interface: NetworkInterface

        init() throws {
            try PrivateNetwork.makeCable()
            let socket = try KernelRouteSocket()
            let port = socket.port
            var table = RouteTable(socket: socket)
            let interface = try table.interfaces().first { $0.name == "eth0" }
            let monitor = try RouteMonitor()
            self.port = port
            self.table = table
            self.interface = interface ?? NetworkInterface(index: 0, name: "", flags: 0)
            self.monitor = monitor
        }

        func virtual(lifetime: UInt32?) throws -> InterfaceAddress {
            InterfaceAddress(
                interface: interface.index,
                prefix: try #require(Prefix("192.168.0.100/32")),
                lifetime: lifetime
            )
        }

        mutating func isPresent() throws -> Bool {
            try table.addresses().contains { "\($0.prefix)" == "192.168.0.100/32" }
        }

        /// The next address event and who caused it.
        mutating func nextAddressEvent(
            within limit: Duration
        ) throws -> (event: RouteEvent, port: UInt32)? {
            let end = Clock.now + limit
            while Clock.now < end {
                switch try monitor.receive() {
                case .events(let events):
                    for event in events {
                        switch event.event {
                        // The kernel's own, of the interface that has just come up.
                        case .addressPut(let address), .addressRemoved(let address):
                            if case .v6(let v6) = address.prefix.address, v6.isLinkLocal {
                                continue
                            }
                            return event
                        case .interfaceChanged, .interfaceRemoved: continue
                        }
                    }
                case .lost: Issue.record("events were lost")
                case .nothing: _ = tandem_wait_readable(monitor.descriptor.rawValue, 20)
                }
            }
            return nil
        }
    }

    @Test func `an interface is listed with its name, its state and its hardware address`() throws {
        try PrivateNetwork.run {
            let bench = try Bench()
            #expect(bench.interface.isRunning)
            #expect(bench.interface.hardwareAddress.count == 6)
            #expect(bench.interface.hardwareType == 1)
        }
    }

    @Test func `an address appears as the seed shows it, and its lifetime takes it away`() throws {
        try PrivateNetwork.run {
            var bench = try Bench()
            let begin = Clock.now
            try bench.table.put(bench.virtual(lifetime: 2))
            let spent = Clock.now - begin
            let put = try #require(try bench.table.addresses().first)
            #expect(put.label == "eth0")
            #expect(put.scope == 0)
            #expect(put.broadcast == nil)
            #expect(put.lifetime == 2)
            #expect(try bench.isPresent())
            while try bench.isPresent(), Clock.now - begin < .seconds(5) {
                PrivateNetwork.sleep(.milliseconds(10))
            }
            let life = Clock.now - begin
            print("put in \(spent), gone after \(life)")
            #expect(life > .milliseconds(1900) && life < .milliseconds(2600))
        }
    }

    @Test func `a lifetime that is set anew keeps the address`() throws {
        try PrivateNetwork.run {
            var bench = try Bench()
            for _ in 0..<4 {
                try bench.table.put(bench.virtual(lifetime: 2))
                PrivateNetwork.sleep(.seconds(1))
                #expect(try bench.isPresent())
            }
            try bench.table.put(bench.virtual(lifetime: nil))
            let put = try #require(try bench.table.addresses().first)
            #expect(put.lifetime == nil)
        }
    }

    @Test func `a change is told with who caused it`() throws {
        try PrivateNetwork.run {
            var bench = try Bench()
            try bench.table.put(bench.virtual(lifetime: 10))
            let own = try #require(try bench.nextAddressEvent(within: .seconds(1)))
            #expect(own.port == bench.port)
            guard case .addressPut(let put) = own.event else {
                Issue.record("\(own.event)")
                return
            }
            #expect("\(put.prefix)" == "192.168.0.100/32")
            try PrivateNetwork.ip("address delete 192.168.0.100/32 dev eth0")
            let foreign = try #require(try bench.nextAddressEvent(within: .seconds(1)))
            #expect(foreign.port != bench.port && foreign.port != 0)
            guard case .addressRemoved(let removed) = foreign.event else {
                Issue.record("\(foreign.event)")
                return
            }
            #expect(removed.key == put.key)
            #expect(try bench.table.remove(bench.virtual(lifetime: nil)) == false)
        }
    }

    @Test func `a lifetime that ends is told as the kernel's own doing`() throws {
        try PrivateNetwork.run {
            var bench = try Bench()
            try bench.table.put(bench.virtual(lifetime: 1))
            _ = try bench.nextAddressEvent(within: .seconds(1))
            let end = try #require(try bench.nextAddressEvent(within: .seconds(3)))
            #expect(end.port == 0)
            guard case .addressRemoved = end.event else {
                Issue.record("\(end.event)")
                return
            }
        }
    }

    @Test func `a monitor that was not read says that it lost events`() throws {
        try PrivateNetwork.run {
            var bench = try Bench()
            tandem_setsockopt_int(
                bench.monitor.descriptor.rawValue,
                SOL_SOCKET,
                SO_RCVBUFFORCE,
                2048
            )
            for _ in 0..<200 { try bench.table.put(bench.virtual(lifetime: 10)) }
            var lost = false
            loop: while true {
                switch try bench.monitor.receive() {
                case .lost: lost = true
                case .nothing: break loop
                case .events: continue
                }
            }
            #expect(lost)
            var view = NetworkView()
            let events = view.replace(
                interfaces: try bench.table.interfaces(),
                addresses: try bench.table.addresses()
            )
            #expect(events.contains { if case .addressPut = $0 { true } else { false } })
        }
    }

    @Test func `an interface that goes down and away is told`() throws {
        try PrivateNetwork.run {
            var bench = try Bench()
            try PrivateNetwork.ip("link set eth0 down")
            try PrivateNetwork.ip("link delete eth0")
            var wasDown = false
            var wasRemoved = false
            while case .events(let events) = try bench.monitor.receive() {
                for (event, _) in events {
                    switch event {
                    case .interfaceChanged(let interface) where interface.name == "eth0":
                        wasDown = wasDown || !interface.isRunning
                    case .interfaceRemoved(let interface):
                        wasRemoved = wasRemoved || interface.name == "eth0"
                    default: continue
                    }
                }
            }
            #expect(wasDown && wasRemoved)
        }
    }
}
