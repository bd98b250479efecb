import CLinux
import Primitives

/// The PROXY protocol's header, version 1 and 2 (haproxy.org, proxy-protocol.txt).
enum ProxyHeader {
    /// Version 1 has at most 107 bytes; version 2 with the addresses of TCP 52, and as much again for extensions.
    static let maximumSize = 536

    private static let signature: [UInt8] = [
        0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A,
    ]

    enum Found: Equatable {
        case incomplete
        case malformed
        /// `client` is nil where the header says that the connection is the sender's own.
        case header(size: Int, client: SocketAddress?)

        static func == (left: Found, right: Found) -> Bool {
            switch (left, right) {
            case (.incomplete, .incomplete), (.malformed, .malformed): true
            case (.header(let size, let client), .header(let otherSize, let other)):
                size == otherSize && client?.text == other?.text
            case (.incomplete, _), (.malformed, _), (.header, _): false
            }
        }
    }

    static func read(_ bytes: [UInt8]) -> Found {
        if bytes.starts(with: signature.prefix(bytes.count)) { return readBinary(bytes) }
        return readText(bytes)
    }

    private static func readText(_ bytes: [UInt8]) -> Found {
        guard "PROXY ".utf8.starts(with: bytes.prefix(6)) || bytes.starts(with: "PROXY ".utf8)
        else {
            return .malformed
        }
        guard let end = bytes.firstIndex(of: 0x0A) else {
            return bytes.count > 107 ? .malformed : .incomplete
        }
        guard end <= 106, end > 0, bytes[end - 1] == 0x0D else { return .malformed }
        let words = String(decoding: bytes[..<(end - 1)], as: UTF8.self).split(separator: " ")
        if words.count >= 2, words[1] == "UNKNOWN" { return .header(size: end + 1, client: nil) }
        guard words.count == 6, words[1] == "TCP4" || words[1] == "TCP6",
            let address = IPAddress(words[2]), let port = UInt16(words[4]),
            IPAddress(words[3]) != nil, UInt16(words[5]) != nil
        else { return .malformed }
        return .header(size: end + 1, client: SocketAddress(address, port: port))
    }

    private static func readBinary(_ bytes: [UInt8]) -> Found {
        guard bytes.count >= 16 else { return .incomplete }
        let size = 16 + (Int(bytes[14]) << 8 | Int(bytes[15]))
        guard bytes[12] >> 4 == 2, size <= maximumSize else { return .malformed }
        guard bytes.count >= size else { return .incomplete }
        switch (bytes[12] & 15, bytes[13]) {
        case (0, _): return .header(size: size, client: nil)
        case (1, 0x11):
            guard size >= 28 else { return .malformed }
            let address = IPv4Address(bytes[16], bytes[17], bytes[18], bytes[19])
            let port = UInt16(bytes[24]) << 8 | UInt16(bytes[25])
            return .header(size: size, client: SocketAddress(.v4(address), port: port))
        case (1, 0x21):
            guard size >= 52 else { return .malformed }
            let high = bytes[16..<24].reduce(0) { $0 << 8 | UInt64($1) }
            let low = bytes[24..<32].reduce(0) { $0 << 8 | UInt64($1) }
            let port = UInt16(bytes[48]) << 8 | UInt16(bytes[49])
            let address = IPAddress.v6(IPv6Address(high: high, low: low))
            return .header(size: size, client: SocketAddress(address, port: port))
        case (1, 0): return .header(size: size, client: nil)
        default: return .malformed
        }
    }

    static func write(version: Int, from client: SocketAddress, to own: SocketAddress) -> [UInt8] {
        version == 2 ? writeBinary(client, own) : writeText(client, own)
    }

    private static func writeText(_ client: SocketAddress, _ own: SocketAddress) -> [UInt8] {
        guard client.family == own.family, let from = client.ip, let to = own.ip else {
            return Array("PROXY UNKNOWN\r\n".utf8)
        }
        let family = client.family == 4 ? "TCP4" : "TCP6"
        return Array("PROXY \(family) \(from) \(to) \(client.port) \(own.port)\r\n".utf8)
    }

    private static func writeBinary(_ client: SocketAddress, _ own: SocketAddress) -> [UInt8] {
        guard client.family == own.family, let from = client.ip, let to = own.ip else {
            return signature + [0x20, 0, 0, 0]
        }
        var writer = ByteWriter(reserving: 52)
        writer.append(signature)
        writer.byte(0x21)
        writer.byte(client.family == 4 ? 0x11 : 0x21)
        writer.bigEndian(UInt16(client.family == 4 ? 12 : 36))
        for address in [from, to] {
            switch address {
            case .v4(let v4): writer.append(v4.octets)
            case .v6(let v6):
                writer.bigEndian(v6.high)
                writer.bigEndian(v6.low)
            }
        }
        writer.bigEndian(client.port)
        writer.bigEndian(own.port)
        return writer.bytes
    }
}
