import Primitives
import Testing

@testable import Rules

@Suite struct CriterionTests {
    @Test(
        "Addresses match networks of their family, and IPv4 within IPv6",
        arguments: [
            ("192.0.2.7", ["192.0.2.0/24"], true), ("192.0.3.7", ["192.0.2.0/24"], false),
            ("192.0.2.7", ["10.0.0.0/8", "192.0.2.7"], true), ("192.0.2.8", ["192.0.2.7"], false),
            ("255.255.255.255", ["0.0.0.0/0"], true), ("2001:db8::1", ["0.0.0.0/0"], false),
            ("2001:db8:1::1", ["2001:db8::/32"], true), ("2001:db9::1", ["2001:db8::/32"], false),
            ("::1", ["::/0"], true), ("2001:db8::7f", ["2001:db8::/122"], false),
            ("2001:db8::3f", ["2001:db8::/122"], true),
            ("::ffff:192.0.2.7", ["192.0.2.0/24"], true),
            ("::ffff:192.0.3.7", ["192.0.2.0/24"], false),
            ("192.0.2.7", ["::ffff:192.0.2.0/120"], true),
            ("192.0.2.200", ["192.0.2.0/25", "192.0.2.192/26", "192.0.2.0/24"], true),
        ]
    )
    func addresses(address: String, networks: [String], expected: Bool) throws {
        let set = AddressSet(networks.compactMap { Prefix($0) })
        #expect(set.contains(try #require(IPAddress(address))) == expected)
    }

    @Test("Thousands of networks are looked up as a list of them would be")
    func manyNetworks() {
        var random = SeededGenerator(seed: 5)
        let networks = (0..<500).map { _ in
            let raw = UInt32(truncatingIfNeeded: random.next())
            return (raw, UInt8(truncatingIfNeeded: 8 + random.next() % 25))
        }
        let set = AddressSet(
            networks.map { Prefix(address: .v4(IPv4Address(rawValue: $0.0)), length: $0.1) }
        )
        var hits = 0
        for _ in 0..<5000 {
            let address = UInt32(truncatingIfNeeded: random.next())
            let expected = networks.contains { (address ^ $0.0) >> (32 - UInt32($0.1)) == 0 }
            hits += expected ? 1 : 0
            #expect(set.contains(.v4(IPv4Address(rawValue: address))) == expected)
        }
        #expect(hits > 0)
    }

    @Test(
        "Text matches by each method",
        arguments: [
            ("str", false, "www.example.com", "www.example.com", true),
            ("str", false, "www.example.com", "WWW.example.com", false),
            ("str", true, "WWW.Example.com", "www.eXample.com", true),
            ("beg", false, "www.", "www.example.com", true),
            ("beg", false, "ww2.", "www.example.com", false),
            ("end", false, ".example.com", "www.example.com", true),
            ("end", false, ".example.com", "example.com", false),
            ("sub", false, "exam", "www.example.com", true),
            ("sub", false, "exma", "www.example.com", false),
            ("dom", false, "example", "www.example.com", true),
            ("dom", false, ".example.com", "www.example.com", true),
            ("dom", false, "ample", "www.example.com", false),
            ("dir", false, "b", "a/b/c", true), ("dir", false, "b", "a/bb/c", false),
            ("sub", false, "longer than it", "short", false),
        ]
    )
    func text(
        method: String,
        ignoresCase: Bool,
        value: String,
        text: String,
        expected: Bool
    )
        throws
    {
        let match = TextMatch(
            try #require(TextMatch.Method(rawValue: method)),
            ignoresCase: ignoresCase,
            values: [Array("nothing at all".utf8), Array(value.utf8), Array("zzz".utf8)]
        )
        #expect(match.matches(Array(text.utf8).span) == expected)
    }

    @Test("Numbers of the connection and of its proxies are compared with ranges")
    func numbers() {
        func test(_ sample: Sample, _ range: ClosedRange<Int>) -> Truth {
            Criterion(sample, .integers([range])).test()
        }
        #expect(test(.destinationPort, 443...443) == .yes)
        #expect(test(.destinationPort, 80...80) == .no)
        #expect(test(.sourcePort, 1024...65_535) == .yes)
        #expect(test(.frontendConnections(proxy: 4), 4...4) == .yes)
        #expect(test(.backendConnections(proxy: 4), 40...40) == .yes)
        #expect(test(.backendQueue(proxy: 4), 400...400) == .yes)
        #expect(test(.usableServers(proxy: 0), Int.min...0) == .yes)
        #expect(test(.usableServers(proxy: 1), Int.min...0) == .no)
        #expect(test(.freeSlots(proxy: 1), -1...(-1)) == .yes)
        #expect(test(.entranceConnections, 3...3) == .yes)
    }

    @Test("The length of what came can still grow; the bytes in a place can not change")
    func waiting() {
        let length = Criterion(.requestLength, .integers([5...Int.max]))
        #expect(length.test(request: [1, 2], final: false) == .unknown)
        #expect(length.test(request: [1, 2], final: true) == .no)
        #expect(length.test(request: [1, 2, 3, 4, 5], final: false) == .yes)
        let ssh = Criterion(
            .payload(offset: 0, length: 3),
            .text(TextMatch(.exact, ignoresCase: false, values: [Array("SSH".utf8)]))
        )
        #expect(ssh.test(request: Array("SS".utf8), final: false) == .unknown)
        #expect(ssh.test(request: Array("SS".utf8), final: true) == .no)
        #expect(ssh.test(request: Array("SSH-2".utf8), final: false) == .yes)
        #expect(ssh.test(request: Array("GET /".utf8), final: false) == .no)
        let beyond = Criterion(.payload(offset: 16_000, length: 400), .found)
        #expect(beyond.test(request: [], final: false) == .no)
    }
}

extension Criterion {
    fileprivate func test(request: [UInt8], final: Bool) -> Truth {
        test(TestFacts(), request, final: final)
    }
}

@Suite struct ClientHelloTests {
    private let name = Criterion(
        .serverName,
        .text(TextMatch(.exact, ignoresCase: false, values: [Array("www.example.com".utf8)]))
    )

    @Test("The name of a TLS client is found, however its bytes come in")
    func pieces() {
        let hello = clientHello(name: "www.example.com")
        for count in 0..<hello.count {
            let truth = name.test(TestFacts(), Array(hello[..<count]), final: false)
            // The last extension, of seven bytes, is not needed.
            #expect(truth == (count < hello.count - 7 ? .unknown : .yes), "\(count) bytes")
        }
        #expect(name.test(TestFacts(), hello, final: false) == .yes)
        #expect(name.test(TestFacts(), hello + [1, 2, 3], final: false) == .yes)
        let other = clientHello(name: "www.example.org")
        #expect(name.test(TestFacts(), other, final: false) == .no)
    }

    @Test("What is no ClientHello has no name, and is known for it at once")
    func others() {
        let hello = clientHello(name: nil)
        #expect(ClientHello.serverName(hello.span) == .none)
        #expect(ClientHello.messageType(hello.span) == .value(1))
        #expect(ClientHello.serverName(Array("GET / HTTP/1.1\r\n".utf8).span) == .none)
        #expect(ClientHello.messageType([22, 3].span) == .incomplete)
        #expect(ClientHello.messageType([21, 3, 1, 0, 2, 2, 40, 0, 0].span) == .none)
        var serverHello = clientHello(name: "www.example.com")
        serverHello[5] = 2
        #expect(ClientHello.serverName(serverHello.span) == .none)
        #expect(ClientHello.messageType(serverHello.span) == .value(2))
    }

    @Test("Whatever bytes come, reading ends, and a name lies within them")
    func hostile() {
        var random = SeededGenerator(seed: 0xC11E)
        let hello = clientHello(name: "www.example.com")
        var found = 0
        for _ in 0..<50_000 {
            var bytes = hello
            for _ in 0...(random.next() % 3) {
                bytes[Int(random.next() % UInt64(bytes.count))] =
                    UInt8(truncatingIfNeeded: random.next())
            }
            if random.next() % 4 == 0 {
                bytes = Array(bytes[..<Int(random.next() % UInt64(bytes.count))])
            }
            if case .value(let range) = ClientHello.serverName(bytes.span) {
                found += 1
                #expect(range.upperBound <= bytes.count && !range.isEmpty)
            }
        }
        #expect(found > 100)
    }
}
