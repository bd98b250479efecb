import Primitives
import Testing

@Suite struct IPv4AddressTests {
    @Test(
        "A dotted quad is read and written as itself",
        arguments: [
            ("0.0.0.0", 0), ("127.0.0.1", 0x7F00_0001), ("192.168.0.100", 0xC0A8_0064),
            ("224.0.0.18", 0xE000_0012), ("255.255.255.255", 0xFFFF_FFFF),
        ] as [(String, UInt32)]
    )
    func valid(text: String, value: UInt32) {
        #expect(IPv4Address(text)?.rawValue == value)
        #expect(IPv4Address(rawValue: value).description == text)
        #expect(IPv4Address(rawValue: value).octets.map(String.init).joined(separator: ".") == text)
    }

    @Test(
        "What is no dotted quad is refused, leading zeros that C reads as octal among it",
        arguments: [
            "", ".", "1", "1.2.3", "1.2.3.", ".1.2.3", "1..2.3", "1.2.3.4.5", "256.1.1.1",
            "1.1.1.256",
            "01.1.1.1", "1.1.1.00", "+1.1.1.1", "-1.1.1.1", " 1.1.1.1", "1.1.1.1 ", "1.1.1.1\n",
            "0x1.1.1.1", "1,1.1.1", "١.1.1.1", "1.1.1.1000", "99999999999999999999.1.1.1",
        ]
    )
    func invalid(text: String) {
        #expect(IPv4Address(text) == nil)
    }

    @Test("Addresses compare as numbers, which is how VRRP breaks ties")
    func order() {
        #expect(IPv4Address(192, 168, 0, 193) > IPv4Address(192, 168, 0, 192))
        #expect(IPv4Address(9, 255, 255, 255) < IPv4Address(10, 0, 0, 0))
        #expect(IPv4Address(200, 0, 0, 1) > IPv4Address(100, 0, 0, 1))
    }

    @Test("Multicast is 224/4 and loopback 127/8, to their edges")
    func kinds() {
        #expect(IPv4Address.vrrpGroup.isMulticast)
        #expect(IPv4Address(239, 255, 255, 255).isMulticast)
        #expect(
            !IPv4Address(223, 255, 255, 255).isMulticast && !IPv4Address(240, 0, 0, 0).isMulticast
        )
        #expect(IPv4Address(127, 255, 255, 255).isLoopback)
        #expect(
            !IPv4Address(126, 255, 255, 255).isLoopback && !IPv4Address(128, 0, 0, 0).isLoopback
        )
    }
}

@Suite struct IPv6AddressTests {
    @Test(
        "RFC 5952 text comes out for every spelling of RFC 4291 that goes in",
        arguments: [
            ("::", "::"), ("::1", "::1"), ("1::", "1::"), ("0:0:0:0:0:0:0:1", "::1"),
            ("2001:DB8::1", "2001:db8::1"), ("2001:0db8:0:0:0:0:0:0001", "2001:db8::1"),
            ("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"),
            ("2001:0:0:1:0:0:0:1", "2001:0:0:1::1"), ("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"),
            ("fe80::a00:27ff:fe69:8e3e", "fe80::a00:27ff:fe69:8e3e"),
            ("::ffff:192.0.2.1", "::ffff:c000:201"),
            ("1:2:3:4:5:6:192.0.2.1", "1:2:3:4:5:6:c000:201"),
            ("1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"), ("::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"),
        ]
    )
    func valid(text: String, canonical: String) throws {
        let address = try #require(IPv6Address(text))
        #expect(address.description == canonical)
        #expect(IPv6Address(canonical) == address)
    }

    @Test(
        "What is no IPv6 address is refused",
        arguments: [
            "", ":", ":::", "1", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1::2::3", "12345::", "g::",
            ":1::", "1::2:", "1:2:3:4:5:6:7:8::", "::1:2:3:4:5:6:7:8", "1.2.3.4", "::1.2.3",
            "::1.2.3.4:1",
            "1.2.3.4::", "fe80::1%eth0", " ::1", "::1 ", "::+1",
            "0000:0000:0000:0000:0000:0000:0000:00000000000001",
        ]
    )
    func invalid(text: String) {
        #expect(IPv6Address(text) == nil)
    }

    @Test("Addresses compare by their first differing group; link-local is fe80::/10")
    func order() throws {
        let low = try #require(IPv6Address("2001:db8::ffff"))
        let high = try #require(IPv6Address("2001:db8:0:0:1::"))
        #expect(low < high)
        #expect(try #require(IPv6Address("febf::1")).isLinkLocal)
        #expect(try #require(IPv6Address("fec0::1")).isLinkLocal == false)
    }
}

@Suite struct PrefixTests {
    @Test(
        "A prefix is read with and without its length",
        arguments: [
            ("192.168.0.100", "192.168.0.100/32"), ("192.168.0.100/24", "192.168.0.100/24"),
            ("0.0.0.0/0", "0.0.0.0/0"), ("2001:db8::10", "2001:db8::10/128"),
            ("2001:db8::10/64", "2001:db8::10/64"),
        ]
    )
    func valid(text: String, canonical: String) {
        #expect(Prefix(text)?.description == canonical)
    }

    @Test(
        "A length out of range, or none behind the slash, is refused",
        arguments: [
            "", "/", "/24", "1.2.3.4/", "1.2.3.4/33", "1.2.3.4/-1", "1.2.3.4/24/24", "::1/129",
            "x/1",
        ]
    )
    func invalid(text: String) {
        #expect(Prefix(text) == nil)
    }
}
