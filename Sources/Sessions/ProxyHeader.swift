package import Primitives

/// The header of the PROXY protocol, by which a proxy tells a server who its client is (versions 1 and 2).
package struct ProxyHeader: Equatable, Sendable {
    package var client: IPAddress
    package var clientPort: UInt16
    package var destination: IPAddress
    package var destinationPort: UInt16

    package init(
        client: IPAddress,
        clientPort: UInt16,
        destination: IPAddress,
        destinationPort: UInt16
    ) {
        self.client = client
        self.clientPort = clientPort
        self.destination = destination
        self.destinationPort = destinationPort
    }

    /// `version` is 1 or 2. Addresses of two families can't be said in one header: it says that they are
    /// unknown.
    package func encode(version: Int) -> [UInt8] {
        version == 2 ? binary : text
    }

    private var text: [UInt8] {
        let family: String
        switch (client, destination) {
        case (.v4, .v4): family = "TCP4"
        case (.v6, .v6): family = "TCP6"
        case (.v4, .v6), (.v6, .v4): return Array("PROXY UNKNOWN\r\n".utf8)
        }
        let line = "PROXY \(family) \(client) \(destination) \(clientPort) \(destinationPort)\r\n"
        return Array(line.utf8)
    }

    static let signature: [UInt8] = [
        0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A,
    ]

    private var binary: [UInt8] {
        var writer = ByteWriter(reserving: 52)
        writer.append(Self.signature)
        writer.byte(0x21)
        switch (client, destination) {
        case (.v4(let from), .v4(let to)):
            writer.byte(0x11)
            writer.bigEndian(UInt16(12))
            writer.bigEndian(from.rawValue)
            writer.bigEndian(to.rawValue)
        case (.v6(let from), .v6(let to)):
            writer.byte(0x21)
            writer.bigEndian(UInt16(36))
            for half in [from.high, from.low, to.high, to.low] { writer.bigEndian(half) }
        case (.v4, .v6), (.v6, .v4):
            writer.byte(0x00)
            writer.bigEndian(UInt16(0))
            return writer.bytes
        }
        writer.bigEndian(clientPort)
        writer.bigEndian(destinationPort)
        return writer.bytes
    }

    // MARK: Reading

    /// What the first bytes of a connection hold.
    package enum Received: Equatable, Sendable {
        /// More bytes are needed.
        case incomplete
        case invalid
        /// `length` bytes belong to the header; nil: it names nobody (LOCAL, UNKNOWN).
        case header(ProxyHeader?, length: Int)
    }

    /// The longest header that is read; a version 2 header may carry more, which is refused.
    package static let limit = 536

    package static func read(_ bytes: [UInt8]) -> Received {
        let prefix = bytes.prefix(signature.count)
        if prefix.elementsEqual(signature.prefix(prefix.count)), !bytes.isEmpty {
            return bytes.count < 16 ? .incomplete : readBinary(bytes)
        }
        return readText(bytes)
    }

    private static func readText(_ bytes: [UInt8]) -> Received {
        let begin = Array("PROXY ".utf8)
        guard bytes.prefix(begin.count).elementsEqual(begin.prefix(bytes.count)) else {
            return .invalid
        }
        guard let end = bytes.firstIndex(of: 10) else {
            return bytes.count > 107 ? .invalid : .incomplete
        }
        guard end >= 1, end <= 107, bytes[end - 1] == 13 else { return .invalid }
        let words = String(decoding: bytes[begin.count..<end - 1], as: UTF8.self)
            .split(separator: " ", omittingEmptySubsequences: false)
        if words.first == "UNKNOWN" { return .header(nil, length: end + 1) }
        guard words.count == 5, words[0] == "TCP4" || words[0] == "TCP6",
            let client = IPAddress(words[1]), let destination = IPAddress(words[2]),
            let clientPort = UInt16(words[3]), let destinationPort = UInt16(words[4]),
            client.bitWidth == destination.bitWidth,
            (client.bitWidth == 32) == (words[0] == "TCP4")
        else { return .invalid }
        return .header(
            ProxyHeader(
                client: client,
                clientPort: clientPort,
                destination: destination,
                destinationPort: destinationPort
            ),
            length: end + 1
        )
    }

    private static func readBinary(_ bytes: [UInt8]) -> Received {
        let command = bytes[12]
        let family = bytes[13]
        let length = 16 + (Int(bytes[14]) << 8 | Int(bytes[15]))
        guard command >> 4 == 2, command & 15 <= 1, length <= limit else { return .invalid }
        guard bytes.count >= length else { return .incomplete }
        guard command & 15 == 1 else { return .header(nil, length: length) }
        var reader = ByteReader(slice: bytes[16..<length])
        do throws(DecodeError) {
            let client: IPAddress
            let destination: IPAddress
            switch family {
            case 0x11:
                client = .v4(IPv4Address(rawValue: try reader.bigEndian()))
                destination = .v4(IPv4Address(rawValue: try reader.bigEndian()))
            case 0x21:
                client = .v6(
                    IPv6Address(high: try reader.bigEndian(), low: try reader.bigEndian())
                )
                destination = .v6(
                    IPv6Address(high: try reader.bigEndian(), low: try reader.bigEndian())
                )
            default: return .header(nil, length: length)
            }
            return .header(
                ProxyHeader(
                    client: client,
                    clientPort: try reader.bigEndian(),
                    destination: destination,
                    destinationPort: try reader.bigEndian()
                ),
                length: length
            )
        } catch {
            return .invalid
        }
    }
}
