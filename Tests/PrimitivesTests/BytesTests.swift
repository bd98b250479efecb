import Primitives
import Testing

@Suite struct ByteReaderTests {
    @Test("Numbers come in both orders, and nothing is read past the end")
    func numbers() throws {
        var reader = ByteReader([1, 2, 3, 4, 5, 6, 7])
        let big: UInt16 = try reader.bigEndian()
        let little: UInt32 = try reader.littleEndian()
        #expect(big == 0x0102 && little == 0x0605_0403 && reader.remaining == 1)
        #expect(throws: DecodeError.truncated(needed: 2, available: 1)) {
            let _: UInt16 = try reader.bigEndian()
        }
        // A failed read takes nothing.
        let after = try reader.byte()
        #expect(after == 7)
        try reader.finish()
        #expect(throws: DecodeError.truncated(needed: 1, available: 0)) { _ = try reader.byte() }
    }

    @Test("What is left over is an error, and a negative count too")
    func leftovers() throws {
        var reader = ByteReader([9, 9])
        #expect(throws: DecodeError.trailing(2)) { try reader.finish() }
        #expect(throws: DecodeError.self) { _ = try reader.take(-1) }
        try reader.skip(2)
        try reader.finish()
    }

    @Test("A slice is read from its own beginning")
    func slice() throws {
        var reader = ByteReader(slice: [0, 1, 2, 3][2...])
        let second = try reader.byte()
        #expect(second == 2 && reader.remaining == 1)
    }

    @Test("What is written comes back")
    func roundTrip() throws {
        var writer = ByteWriter(reserving: 16)
        writer.byte(0xFE)
        writer.littleEndian(UInt64.max - 1)
        writer.bigEndian(UInt32(0xDEAD_BEEF))
        writer.bigEndian(UInt16(0))
        writer.patchBigEndian(0x1234, at: 13)
        #expect(writer.bytes[9...] == [0xDE, 0xAD, 0xBE, 0xEF, 0x12, 0x34])
        var reader = ByteReader(writer.bytes)
        let first = try reader.byte()
        #expect(first == 0xFE)
        let wide = try reader.littleEndian(UInt64.self)
        #expect(wide == UInt64.max - 1)
        let word = try reader.bigEndian(UInt32.self)
        #expect(word == 0xDEAD_BEEF)
        let half = try reader.bigEndian(UInt16.self)
        #expect(half == 0x1234)
        try reader.finish()
    }
}

@Suite struct InternetChecksumTests {
    @Test(
        "Vectors of RFC 1071 §3, of an IPv4 header and of an odd length",
        arguments: [
            ([0x00, 0x01, 0xF2, 0x03, 0xF4, 0xF5, 0xF6, 0xF7], 0x220D),
            (
                [
                    0x45, 0, 0, 0x73, 0, 0, 0x40, 0, 0x40, 0x11, 0, 0, 0xC0, 0xA8, 0, 1, 0xC0, 0xA8,
                    0,
                    0xC7,
                ], 0xB861
            ),
            ([0x01], 0xFEFF), ([], 0xFFFF), ([0xFF, 0xFF], 0),
        ] as [([UInt8], UInt16)]
    )
    func vectors(bytes: [UInt8], expected: UInt16) {
        #expect(InternetChecksum.of(bytes) == expected)
    }

    @Test("The sum does not care how the bytes are cut, and is 0 over a right packet")
    func pieces() {
        let bytes = (0..<1001).map { UInt8(truncatingIfNeeded: $0 &* 37) }
        var cut = InternetChecksum()
        cut.add(bytes[..<333])
        cut.add(bytes[333...])
        #expect(cut.value == InternetChecksum.of(bytes))
        let even = Array(bytes.dropLast())
        let value = InternetChecksum.of(even)
        let packet = even + [UInt8(value >> 8), UInt8(truncatingIfNeeded: value)]
        #expect(InternetChecksum.of(packet) == 0)
        var wrong = packet
        wrong[17] ^= 0x10
        #expect(InternetChecksum.of(wrong) != 0)
    }
}
