package import Primitives

/// The two ends of a connection, as a PROXY header tells them.
package struct ConnectionAddresses: Equatable, Sendable {
    package var source: IPAddress
    package var sourcePort: UInt16
    package var destination: IPAddress
    package var destinationPort: UInt16

    package init(
        source: IPAddress,
        sourcePort: UInt16,
        destination: IPAddress,
        destinationPort: UInt16
    ) {
        self.source = source
        self.sourcePort = sourcePort
        self.destination = destination
        self.destinationPort = destinationPort
    }
}

/// The PROXY protocol's header, version 1 and 2 (haproxy.org, proxy-protocol.txt).
package enum ProxyHeader {
    /// Version 1 has at most 107 bytes (§2.1); of version 2, which may hold extensions (§2.2), more is refused.
    package static let maximumSize = 4096

    private static let signature: [UInt8] = [
        0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A,
    ]

    package enum Found: Equatable, Sendable {
        /// It may become a header.
        case incomplete
        case malformed
        /// `addresses` is nil where the connection is the sender's own, or no TCP connection.
        case header(size: Int, addresses: ConnectionAddresses?)
    }

    /// What the first bytes of a connection are.
    package static func read(_ bytes: [UInt8]) -> Found {
        if bytes.starts(with: signature.prefix(bytes.count)) { return readBinary(bytes) }
        return readText(bytes)
    }

    // MARK: Version 1

    private static func readText(_ bytes: [UInt8]) -> Found {
        guard "PROXY ".utf8.starts(with: bytes.prefix(6)) else { return .malformed }
        guard let end = bytes.prefix(107).firstIndex(of: 0x0A) else {
            return bytes.count >= 107 ? .malformed : .incomplete
        }
        guard end > 0, bytes[end - 1] == 0x0D else { return .malformed }
        let text = String(decoding: bytes[..<(end - 1)], as: UTF8.self)
        let words = text.split(separator: " ", omittingEmptySubsequences: false)
        if words.count >= 2, words[1] == "UNKNOWN" {
            return .header(size: end + 1, addresses: nil)
        }
        guard words.count == 6, let source = address(words[2], family: words[1]),
            let destination = address(words[3], family: words[1]),
            let sourcePort = port(words[4]), let destinationPort = port(words[5])
        else { return .malformed }
        return .header(
            size: end + 1,
            addresses: ConnectionAddresses(
                source: source,
                sourcePort: sourcePort,
                destination: destination,
                destinationPort: destinationPort
            )
        )
    }

    private static func address(_ text: Substring, family: Substring) -> IPAddress? {
        switch family {
        case "TCP4": IPv4Address(text).map { .v4($0) }
        case "TCP6": IPv6Address(text).map { .v6($0) }
        default: nil
        }
    }

    private static func port(_ text: Substring) -> UInt16? {
        guard text.utf8.allSatisfy({ (48...57).contains($0) }) else { return nil }
        return UInt16(text)
    }

    // MARK: Version 2

    private static func readBinary(_ bytes: [UInt8]) -> Found {
        guard bytes.count >= 16 else { return .incomplete }
        let size = 16 + number(bytes, at: 14)
        guard bytes[12] >> 4 == 2, size <= maximumSize else { return .malformed }
        guard bytes.count >= size else { return .incomplete }
        switch (bytes[12] & 15, bytes[13]) {
        // LOCAL: the sender's own, such as a check of it.
        case (0, _): return .header(size: size, addresses: nil)
        case (1, 0x11):
            guard size >= 28 else { return .malformed }
            func address(_ start: Int) -> IPAddress {
                .v4(
                    IPv4Address(
                        bytes[start],
                        bytes[start + 1],
                        bytes[start + 2],
                        bytes[start + 3]
                    )
                )
            }
            return .header(
                size: size,
                addresses: ConnectionAddresses(
                    source: address(16),
                    sourcePort: UInt16(number(bytes, at: 24)),
                    destination: address(20),
                    destinationPort: UInt16(number(bytes, at: 26))
                )
            )
        case (1, 0x21):
            guard size >= 52 else { return .malformed }
            func half(_ start: Int) -> UInt64 {
                bytes[start..<(start + 8)].reduce(0) { $0 << 8 | UInt64($1) }
            }
            func address(_ start: Int) -> IPAddress {
                .v6(IPv6Address(high: half(start), low: half(start + 8)))
            }
            return .header(
                size: size,
                addresses: ConnectionAddresses(
                    source: address(16),
                    sourcePort: UInt16(number(bytes, at: 48)),
                    destination: address(32),
                    destinationPort: UInt16(number(bytes, at: 50))
                )
            )
        // No address, UDP, or a Unix socket: the connection's own ends are taken.
        case (1, 0), (1, 0x12), (1, 0x22), (1, 0x31), (1, 0x32):
            return .header(size: size, addresses: nil)
        default: return .malformed
        }
    }

    private static func number(_ bytes: [UInt8], at start: Int) -> Int {
        Int(bytes[start]) << 8 | Int(bytes[start + 1])
    }

    // MARK: Writing

    /// Nil: the ends have no addresses of one family.
    package static func write(version: Int, _ addresses: ConnectionAddresses?) -> [UInt8] {
        version == 2 ? writeBinary(addresses) : writeText(addresses)
    }

    private static func writeText(_ addresses: ConnectionAddresses?) -> [UInt8] {
        guard let addresses else { return Array("PROXY UNKNOWN\r\n".utf8) }
        let family: String
        switch (addresses.source, addresses.destination) {
        case (.v4, .v4): family = "TCP4"
        case (.v6, .v6): family = "TCP6"
        case (.v4, .v6), (.v6, .v4): return Array("PROXY UNKNOWN\r\n".utf8)
        }
        let text =
            "PROXY \(family) \(addresses.source) \(addresses.destination) "
            + "\(addresses.sourcePort) \(addresses.destinationPort)\r\n"
        return Array(text.utf8)
    }

    private static func writeBinary(_ addresses: ConnectionAddresses?) -> [UInt8] {
        guard let addresses else { return signature + [0x20, 0, 0, 0] }
        var writer = ByteWriter(reserving: 52)
        writer.append(signature)
        writer.byte(0x21)
        switch (addresses.source, addresses.destination) {
        case (.v4(let source), .v4(let destination)):
            writer.byte(0x11)
            writer.bigEndian(UInt16(12))
            writer.append(source.octets)
            writer.append(destination.octets)
        case (.v6(let source), .v6(let destination)):
            writer.byte(0x21)
            writer.bigEndian(UInt16(36))
            for address in [source, destination] {
                writer.bigEndian(address.high)
                writer.bigEndian(address.low)
            }
        case (.v4, .v6), (.v6, .v4): return signature + [0x20, 0, 0, 0]
        }
        writer.bigEndian(addresses.sourcePort)
        writer.bigEndian(addresses.destinationPort)
        return writer.bytes
    }
}
