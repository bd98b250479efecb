package import Primitives

/// The header before every message on every link: one frame is one `SOCK_SEQPACKET` packet.
///
/// 24 bytes, little-endian: magic `TNDM`, version major and minor, kind (16 bits), sequence (64),
/// incident (64); then the payload, at most 4,072 bytes.
///
/// The wire changes by addition only: a kind is never used again for something else, a payload's
/// fields are never moved. A kind that is unknown is skipped when the sender's minor version is newer
/// than ours and closes the link when it is not. `MessagesTests` pins every frame of version 1.
package enum FrameFormat {
    package static let magic: UInt32 = 0x4D44_4E54
    package static let major: UInt8 = 1
    package static let minor: UInt8 = 0
    package static let headerSize = 24
    package static let maximumSize = 4096
    package static let maximumPayload = maximumSize - headerSize
}

/// Messages of one direction of one link.
package protocol LinkMessage: Equatable, Sendable {
    /// Stable number of the message on the wire.
    var kind: UInt16 { get }
    func encode(into writer: inout ByteWriter)
    /// What a state is of, in which a later message of the same enum and subject replaces this one while it waits to be
    /// sent; nil: every message counts.
    var replaceable: String? { get }
    /// Nil when `kind` is none of this link's.
    static func decode(kind: UInt16, from reader: inout ByteReader) throws(DecodeError) -> Self?
}

extension LinkMessage {
    package var replaceable: String? { nil }
}

/// Messages of one direction of a link whose ends say who they are.
package protocol GreetingMessage: LinkMessage {
    static func hello(_ hello: Hello) -> Self
    /// What it says, if it is that.
    var greeting: Hello? { get }
}

/// A message with what the header says of it.
package struct Frame<Message: LinkMessage>: Equatable, Sendable {
    package var sequence: UInt64
    package var incident: IncidentID
    package var message: Message

    package init(sequence: UInt64, incident: IncidentID = .none, message: Message) {
        self.sequence = sequence
        self.incident = incident
        self.message = message
    }

    /// The frame's bytes. Text that would not fit is cut where it is written (`ByteWriter.text`).
    package func encode() -> [UInt8] {
        var writer = ByteWriter(reserving: 128)
        writer.littleEndian(FrameFormat.magic)
        writer.byte(FrameFormat.major)
        writer.byte(FrameFormat.minor)
        writer.littleEndian(message.kind)
        writer.littleEndian(sequence)
        writer.littleEndian(incident.rawValue)
        message.encode(into: &writer)
        return writer.bytes
    }

    /// What a packet turned out to be.
    package enum Decoded: Equatable, Sendable {
        case frame(Frame)
        /// A message of a newer minor version, to be counted and skipped.
        case unknownKind(UInt16)
    }

    package static func decode(_ packet: ArraySlice<UInt8>) throws(FrameError) -> Decoded {
        guard packet.count <= FrameFormat.maximumSize else { throw .tooLong(packet.count) }
        var reader = ByteReader(slice: packet)
        do throws(DecodeError) {
            let magic: UInt32 = try reader.littleEndian()
            guard magic == FrameFormat.magic else {
                throw .invalid(field: "magic", value: UInt64(magic))
            }
            let major = try reader.byte()
            let minor = try reader.byte()
            guard major == FrameFormat.major else {
                throw .invalid(field: "major version", value: UInt64(major))
            }
            let kind: UInt16 = try reader.littleEndian()
            let sequence: UInt64 = try reader.littleEndian()
            let incident: UInt64 = try reader.littleEndian()
            guard let message = try Message.decode(kind: kind, from: &reader) else {
                guard minor > FrameFormat.minor else {
                    throw .invalid(field: "kind", value: UInt64(kind))
                }
                return .unknownKind(kind)
            }
            if minor <= FrameFormat.minor { try reader.finish() }
            return .frame(
                Frame(
                    sequence: sequence,
                    incident: IncidentID(rawValue: incident),
                    message: message
                )
            )
        } catch {
            throw .malformed(error)
        }
    }
}

/// Why a packet is no frame of its link; the link is closed and the reason logged.
package enum FrameError: Error, Equatable, Sendable, CustomStringConvertible {
    case tooLong(Int)
    case malformed(DecodeError)

    package var description: String {
        switch self {
        case .tooLong(let size): "a frame of \(size) bytes, more than \(FrameFormat.maximumSize)"
        case .malformed(let error): "a malformed frame: \(error)"
        }
    }
}
