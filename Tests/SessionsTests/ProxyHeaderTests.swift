import Primitives
import Testing

@testable import Sessions

@Suite struct ProxyHeaderTests {
    private static let v4 = ConnectionAddresses(
        source: .v4(IPv4Address(192, 0, 2, 1)),
        sourcePort: 4711,
        destination: .v4(IPv4Address(192, 0, 2, 9)),
        destinationPort: 80
    )
    private static let v6 = ConnectionAddresses(
        source: .v6(IPv6Address(high: 0x2001_0DB8 << 32, low: 1)),
        sourcePort: 65_535,
        destination: .v6(IPv6Address(high: 0x2001_0DB8 << 32, low: .max)),
        destinationPort: 443
    )

    @Test(
        "What is written is read back, and every part of it is waited for",
        arguments: [1, 2],
        [v4, v6]
    )
    func roundTrip(version: Int, addresses: ConnectionAddresses) {
        let bytes = ProxyHeader.write(version: version, addresses)
        let found = ProxyHeader.read(bytes + [1, 2])
        #expect(found == .header(size: bytes.count, addresses: addresses))
        for count in 0..<bytes.count {
            #expect(ProxyHeader.read(Array(bytes.prefix(count))) == .incomplete)
        }
    }

    @Test("The text is the specification's")
    func text() {
        #expect(
            String(decoding: ProxyHeader.write(version: 1, Self.v4), as: UTF8.self)
                == "PROXY TCP4 192.0.2.1 192.0.2.9 4711 80\r\n"
        )
        #expect(
            String(decoding: ProxyHeader.write(version: 1, nil), as: UTF8.self)
                == "PROXY UNKNOWN\r\n"
        )
    }

    @Test("Ends without addresses are told so, and read so", arguments: [1, 2])
    func unknown(version: Int) {
        let bytes = ProxyHeader.write(version: version, nil)
        #expect(ProxyHeader.read(bytes) == .header(size: bytes.count, addresses: nil))
    }

    @Test(
        "Anything else is malformed",
        arguments: [
            "GET / HTTP/1.0\r\n", "PROXY TCP4 x\r\n", "X", "PROXX", "PROXY TCP4\n",
            "PROXY TCP4 192.0.2.1 2001:db8::1 1 2\r\n",
            "PROXY TCP4 192.0.2.1 192.0.2.2 1 70000\r\n",
            "PROXY TCP4 192.0.2.1 192.0.2.2 +1 2\r\n", "PROXY TCP5 192.0.2.1 192.0.2.2 1 2\r\n",
            "PROXY TCP4  192.0.2.1 192.0.2.2 1 2\r\n", "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\n",
            "PROXY " + String(repeating: "x", count: 101),
        ]
    )
    func malformed(text: String) {
        #expect(ProxyHeader.read(Array(text.utf8)) == .malformed)
    }

    @Test("Extensions of version 2 are taken with it, as far as its limit")
    func extensions() {
        var bytes = ProxyHeader.write(version: 2, Self.v4)
        bytes[15] += 7
        bytes += [4, 0, 4, 1, 2, 3, 4]
        #expect(ProxyHeader.read(bytes) == .header(size: 35, addresses: Self.v4))
        #expect(ProxyHeader.read(Array(bytes.dropLast())) == .incomplete)
        bytes[14] = 0xFF
        #expect(ProxyHeader.read(bytes) == .malformed)
        var short = ProxyHeader.write(version: 2, Self.v6)
        short[15] = 35
        #expect(ProxyHeader.read(short) == .malformed)
    }

    @Test("Whatever bytes come, reading ends, and a header is no longer than they are")
    func hostile() {
        var random = SeededGenerator(seed: 0x9307)
        let ends: [ConnectionAddresses?] = [Self.v4, Self.v6, nil]
        let corpus: [[UInt8]] =
            ends.map { ProxyHeader.write(version: 1, $0) + [7, 7] }
            + ends.map { ProxyHeader.write(version: 2, $0) + [7, 7] }
        var found = 0
        var malformed = 0
        for round in 0..<100_000 {
            var bytes = corpus[round % corpus.count]
            for _ in 0..<(random.next() % 4) {
                bytes[Int(random.next() % UInt64(bytes.count))] =
                    UInt8(truncatingIfNeeded: random.next())
            }
            if random.next() % 3 == 0 {
                bytes = Array(bytes.prefix(Int(random.next() % UInt64(bytes.count + 1))))
            }
            switch ProxyHeader.read(bytes) {
            case .header(let size, _):
                found += 1
                if size > bytes.count || size > ProxyHeader.maximumSize || size < 15 {
                    Issue.record("\(size) of \(bytes)")
                }
            case .incomplete: if bytes.count > ProxyHeader.maximumSize { Issue.record("waits") }
            case .malformed: malformed += 1
            }
        }
        #expect(found > 1000 && malformed > 1000)
    }
}
