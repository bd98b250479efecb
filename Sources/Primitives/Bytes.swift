/// Why bytes from outside could not be read.
package enum DecodeError: Error, Equatable, Sendable {
    /// Fewer bytes than the field needs.
    case truncated(needed: Int, available: Int)
    /// A field holds a value that its format does not allow.
    case invalid(field: StaticDescription, value: UInt64)
    /// Bytes are left over behind the last field.
    case trailing(Int)
}

/// A literal's text: an error can name a field without allocating, and stays `Equatable`.
package struct StaticDescription: Equatable, Sendable, ExpressibleByStringLiteral,
    CustomStringConvertible
{
    package let text: String

    package init(stringLiteral value: String) { text = value }
    package var description: String { text }
}

extension DecodeError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .truncated(let needed, let available):
            "truncated: \(needed) bytes needed, \(available) left"
        case .invalid(let field, let value): "\(field) has the value \(value)"
        case .trailing(let count): "\(count) bytes too many"
        }
    }
}

/// Reads numbers out of bytes from outside; never past their end.
package struct ByteReader: Sendable {
    @usableFromInline let bytes: ArraySlice<UInt8>
    @usableFromInline var position: Int

    package init(_ bytes: some Sequence<UInt8>) {
        self.init(slice: ArraySlice(bytes))
    }

    package init(slice: ArraySlice<UInt8>) {
        bytes = slice
        position = slice.startIndex
    }

    /// How many bytes are left.
    @inlinable package var remaining: Int { bytes.endIndex - position }

    @inlinable package mutating func take(_ count: Int) throws(DecodeError) -> ArraySlice<UInt8> {
        guard count >= 0, count <= remaining else {
            throw .truncated(needed: max(count, 0), available: remaining)
        }
        defer { position += count }
        return bytes[position..<position + count]
    }

    package mutating func skip(_ count: Int) throws(DecodeError) {
        _ = try take(count)
    }

    @inlinable package mutating func littleEndian<Number: FixedWidthInteger & UnsignedInteger>(
        _: Number.Type = Number.self
    ) throws(DecodeError) -> Number {
        var number: Number = 0
        var shift = 0
        for byte in try take(Number.bitWidth / 8) {
            number |= Number(truncatingIfNeeded: byte) << shift
            shift += 8
        }
        return number
    }

    @inlinable package mutating func bigEndian<Number: FixedWidthInteger & UnsignedInteger>(
        _: Number.Type = Number.self
    ) throws(DecodeError) -> Number {
        var number: Number = 0
        for byte in try take(Number.bitWidth / 8) {
            number = number << 8 | Number(truncatingIfNeeded: byte)
        }
        return number
    }

    package mutating func byte() throws(DecodeError) -> UInt8 {
        try bigEndian()
    }

    /// Throws if anything is left.
    package func finish() throws(DecodeError) {
        guard remaining == 0 else { throw .trailing(remaining) }
    }
}

/// Writes numbers into a growing array of bytes.
package struct ByteWriter: Sendable {
    package private(set) var bytes: [UInt8] = []

    package init(reserving capacity: Int = 0) {
        bytes.reserveCapacity(capacity)
    }

    package mutating func append(_ more: some Sequence<UInt8>) {
        bytes.append(contentsOf: more)
    }

    package mutating func byte(_ value: UInt8) {
        bytes.append(value)
    }

    package mutating func littleEndian<Number: FixedWidthInteger & UnsignedInteger>(_ value: Number)
    {
        var rest = value
        for _ in 0..<Number.bitWidth / 8 {
            bytes.append(UInt8(truncatingIfNeeded: rest))
            rest = Number.bitWidth > 8 ? rest >> 8 : 0
        }
    }

    package mutating func bigEndian<Number: FixedWidthInteger & UnsignedInteger>(_ value: Number) {
        for index in (0..<Number.bitWidth / 8).reversed() {
            bytes.append(UInt8(truncatingIfNeeded: value >> Number(index * 8)))
        }
    }

    /// Replaces two bytes that were written before, such as a checksum or a length.
    package mutating func patchBigEndian(_ value: UInt16, at offset: Int) {
        bytes[offset] = UInt8(truncatingIfNeeded: value >> 8)
        bytes[offset + 1] = UInt8(truncatingIfNeeded: value)
    }
}
