import CLinux
package import Primitives

// linux/netlink.h: messages are a header of 16 bytes and a body, attributes a header of 4 bytes and a value;
// both are padded to 4 bytes, and all numbers are in the host's own order.

/// A request to the kernel's routing tables, without its sequence number.
package struct RouteRequest: Equatable, Sendable {
    /// `RTM_…`
    package var type: UInt16
    /// `NLM_F_…` beyond `NLM_F_REQUEST`.
    package var flags: UInt16
    /// What the request is about, for the text of an error.
    package var subject: String
    package private(set) var body: ByteWriter

    package init(type: Int, flags: Int32, subject: String) {
        self.type = UInt16(truncatingIfNeeded: type)
        self.flags = UInt16(truncatingIfNeeded: flags | NLM_F_REQUEST)
        self.subject = subject
        body = ByteWriter(reserving: 96)
    }

    package static func == (left: RouteRequest, right: RouteRequest) -> Bool {
        left.type == right.type && left.flags == right.flags && left.body.bytes == right.body.bytes
    }

    mutating func fixed(_ write: (inout ByteWriter) -> Void) {
        write(&body)
    }

    mutating func attribute(_ type: Int, _ value: [UInt8]) {
        body.native(UInt16(truncatingIfNeeded: 4 + value.count))
        body.native(UInt16(truncatingIfNeeded: type))
        body.append(value)
        while body.bytes.count % 4 != 0 { body.byte(0) }
    }

    /// An attribute made of attributes.
    mutating func nested(_ type: Int, _ write: (inout RouteRequest) -> Void) {
        var inner = RouteRequest(type: 0, flags: 0, subject: "")
        write(&inner)
        attribute(type, inner.body.bytes)
    }

    /// The whole message.
    package func encode(sequence: UInt32) -> [UInt8] {
        var writer = ByteWriter(reserving: NetlinkMessage.headerSize + body.bytes.count)
        writer.native(UInt32(truncatingIfNeeded: NetlinkMessage.headerSize + body.bytes.count))
        writer.native(type)
        writer.native(flags)
        writer.native(sequence)
        writer.native(UInt32(0))
        writer.append(body.bytes)
        return writer.bytes
    }
}

/// A message from the kernel.
package struct NetlinkMessage: Equatable, Sendable {
    static let headerSize = 16

    package var type: UInt16
    package var flags: UInt16
    package var sequence: UInt32
    /// The port of the socket whose request caused it; 0: the kernel itself did.
    package var port: UInt32
    package var body: ArraySlice<UInt8>

    /// The messages of one datagram. A message whose length does not fit ends the reading.
    package static func decode(
        _ datagram: ArraySlice<UInt8>
    ) throws(DecodeError) -> [NetlinkMessage] {
        var messages: [NetlinkMessage] = []
        var reader = ByteReader(slice: datagram)
        while reader.remaining > 0 {
            let length: UInt32 = try reader.native()
            guard length >= headerSize else {
                throw .invalid(field: "netlink message length", value: UInt64(length))
            }
            let type: UInt16 = try reader.native()
            let flags: UInt16 = try reader.native()
            let sequence: UInt32 = try reader.native()
            let port: UInt32 = try reader.native()
            let body = try reader.take(Int(length) - headerSize)
            try reader.skip(min(padding(Int(length)), reader.remaining))
            messages.append(
                NetlinkMessage(
                    type: type,
                    flags: flags,
                    sequence: sequence,
                    port: port,
                    body: body
                )
            )
        }
        return messages
    }

    static func padding(_ length: Int) -> Int { (4 - length % 4) % 4 }
}

/// The attributes that follow a message's fixed part, the last one of a type counts.
struct NetlinkAttributes {
    private var values: [Int: ArraySlice<UInt8>] = [:]

    init(from reader: inout ByteReader) throws(DecodeError) {
        while reader.remaining > 0 {
            let length: UInt16 = try reader.native()
            guard length >= 4 else {
                throw .invalid(field: "attribute length", value: UInt64(length))
            }
            let type: UInt16 = try reader.native()
            let value = try reader.take(Int(length) - 4)
            try reader.skip(min(NetlinkMessage.padding(Int(length)), reader.remaining))
            values[Int(type) & ~Int(NLA_F_NESTED | NLA_F_NET_BYTEORDER)] = value
        }
    }

    func bytes(_ type: Int) -> ArraySlice<UInt8>? { values[type] }

    func number(_ type: Int) throws(DecodeError) -> UInt32? {
        guard let value = values[type] else { return nil }
        var reader = ByteReader(slice: value)
        let number: UInt32 = try reader.native()
        return number
    }

    func nested(_ type: Int) throws(DecodeError) -> NetlinkAttributes? {
        guard let value = values[type] else { return nil }
        var reader = ByteReader(slice: value)
        return try NetlinkAttributes(from: &reader)
    }

    func byte(_ type: Int) -> UInt8? { values[type]?.first }

    /// Up to the terminating zero; what is no UTF-8 is shown as such.
    func text(_ type: Int) -> String? {
        guard let value = values[type] else { return nil }
        return String(decoding: value.prefix { $0 != 0 }, as: UTF8.self)
    }
}

extension ByteWriter {
    /// In the host's own order.
    mutating func native<Number: FixedWidthInteger & UnsignedInteger>(_ value: Number) {
        if isLittleEndianHost { littleEndian(value) } else { bigEndian(value) }
    }
}

extension ByteReader {
    mutating func native<Number: FixedWidthInteger & UnsignedInteger>(
        _: Number.Type = Number.self
    ) throws(DecodeError) -> Number {
        if isLittleEndianHost { try littleEndian() } else { try bigEndian() }
    }
}

private let isLittleEndianHost = 1.littleEndian == 1
