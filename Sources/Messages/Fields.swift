package import Primitives

extension ByteWriter {
    /// A length of 16 bits and UTF-8, cut at a character so that it takes at most `limit` bytes.
    package mutating func text(_ text: String, limit: Int = 512) {
        var bytes = Array(text.utf8)
        if bytes.count > limit {
            var end = limit
            while end > 0, bytes[end] & 0xC0 == 0x80 { end -= 1 }
            bytes.removeSubrange(end...)
        }
        littleEndian(UInt16(bytes.count))
        append(bytes)
    }

    /// A count of 16 bits and as many items; no more than `limit` of them.
    package mutating func list<Item>(
        _ items: [Item],
        limit: Int,
        _ encode: (inout ByteWriter, Item) -> Void
    ) {
        littleEndian(UInt16(min(items.count, limit)))
        for item in items.prefix(limit) { encode(&self, item) }
    }

    /// The count of octets, 4 or 16, and the octets.
    package mutating func address(_ address: IPAddress) {
        let octets = address.octets
        byte(UInt8(truncatingIfNeeded: octets.count))
        append(octets)
    }

    package mutating func flag(_ value: Bool) {
        byte(value ? 1 : 0)
    }

    /// Whole milliseconds in 32 bits, saturated.
    package mutating func milliseconds(_ duration: Duration) {
        littleEndian(UInt32(clamping: duration.milliseconds))
    }

    /// A count of 16 bits and as many texts; no more than `limit` of them.
    package mutating func texts(_ texts: [String], limit: Int, each: Int = 64) {
        littleEndian(UInt16(min(texts.count, limit)))
        for text in texts.prefix(limit) { self.text(text, limit: each) }
    }
}

extension ByteReader {
    package mutating func text() throws(DecodeError) -> String {
        let count: UInt16 = try littleEndian()
        let bytes = try take(Int(count))
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw .invalid(field: "text that is no UTF-8", value: UInt64(count))
        }
        return text
    }

    package mutating func address() throws(DecodeError) -> IPAddress {
        let count = try byte()
        guard let address = IPAddress(octets: try take(Int(count))) else {
            throw .invalid(field: "octets of an address", value: UInt64(count))
        }
        return address
    }

    package mutating func flag() throws(DecodeError) -> Bool {
        let value = try byte()
        guard value <= 1 else { throw .invalid(field: "flag", value: UInt64(value)) }
        return value == 1
    }

    package mutating func milliseconds() throws(DecodeError) -> Duration {
        let value: UInt32 = try littleEndian()
        return .milliseconds(Int64(value))
    }

    package mutating func texts(limit: Int) throws(DecodeError) -> [String] {
        let count: UInt16 = try littleEndian()
        guard count <= limit else { throw .invalid(field: "count", value: UInt64(count)) }
        var texts: [String] = []
        for _ in 0..<count { texts.append(try text()) }
        return texts
    }

    package mutating func list<Item>(
        limit: Int,
        _ decode: (inout ByteReader) throws(DecodeError) -> Item
    ) throws(DecodeError) -> [Item] {
        let count: UInt16 = try littleEndian()
        guard count <= limit else { throw .invalid(field: "count", value: UInt64(count)) }
        var items: [Item] = []
        for _ in 0..<count { items.append(try decode(&self)) }
        return items
    }

    package mutating func choice<Choice: RawRepresentable<UInt8>>(
        _ field: StaticDescription
    ) throws(DecodeError) -> Choice {
        let value = try byte()
        guard let choice = Choice(rawValue: value) else {
            throw .invalid(field: field, value: UInt64(value))
        }
        return choice
    }
}
