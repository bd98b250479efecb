import Messages
import Primitives

/// Reads a message behind its kind, which is the first byte, without the frame's header in the way; what is read and
/// written is read alike.
func readAlike<Message: LinkMessage>(_ type: Message.Type, _ bytes: [UInt8]) {
    guard let kind = bytes.first else { return }
    guard let message = read(type, UInt16(kind), bytes.dropFirst()) else { return }
    let written = Frame(sequence: 1, message: message).encode()
    guard written.count <= FrameFormat.maximumSize else { return }
    let again = try? Frame<Message>.decode(written[...])
    precondition(again != nil, "what was written is not read")
    guard case .frame(let frame)? = again else { return }
    precondition(Frame(sequence: 1, message: frame.message).encode() == written, "read differently")
}

private func read<Message: LinkMessage>(
    _ type: Message.Type,
    _ kind: UInt16,
    _ bytes: ArraySlice<UInt8>
) -> Message? {
    var reader = ByteReader(slice: bytes)
    return try? Message.decode(kind: kind, from: &reader)
}
