import Primitives

/// One entry in the journal's own protocol (systemd's "Native Journal Protocol"): fields one after the other,
/// `NAME=value` and a line end, or, where the value has line ends itself, the name, a line end, the length in
/// 64 bits and the value.
struct JournalEncoding: Equatable, Sendable {
    /// The longest value of a field in bytes; a datagram must fit into the socket's buffer.
    static let valueLimit = 16 << 10

    private(set) var bytes: [UInt8] = []

    /// `name` is one of ours: capitals, digits and underscores. The value may be anything.
    mutating func append(_ name: String, _ value: String) {
        let clean = value.clamped(toBytes: Self.valueLimit).withoutControls
        bytes += name.utf8
        guard clean.utf8.contains(0x0A) else {
            bytes.append(0x3D)
            bytes += clean.utf8
            bytes.append(0x0A)
            return
        }
        bytes.append(0x0A)
        var writer = ByteWriter()
        writer.littleEndian(UInt64(clean.utf8.count))
        bytes += writer.bytes
        bytes += clean.utf8
        bytes.append(0x0A)
    }
}
