/// The checksum of the Internet (RFC 1071), as a fuzz target puts it in so that what is behind it is reached.
func fitChecksum(of message: inout [UInt8], length: Int, behind pseudoHeader: [UInt8] = []) {
    guard message.count >= 8, length >= 8, length <= message.count else { return }
    message[6] = 0
    message[7] = 0
    var covered = pseudoHeader + message[0..<length]
    if !covered.count.isMultiple(of: 2) { covered.append(0) }
    var sum = UInt32(0)
    for index in stride(from: 0, to: covered.count, by: 2) {
        sum += UInt32(covered[index]) << 8 | UInt32(covered[index + 1])
    }
    while sum > 0xFFFF { sum = (sum & 0xFFFF) + sum >> 16 }
    message[6] = UInt8(truncatingIfNeeded: ~sum >> 8)
    message[7] = UInt8(truncatingIfNeeded: ~sum)
}

/// Of an advertisement: what its first byte and its count of addresses say, or what there is.
func fitAdvertisement(
    _ message: inout [UInt8],
    addresses: [UInt8],
    withPseudoHeader: Bool
) {
    guard message.count >= 8 else { return }
    let isVersion2 = message[0] >> 4 == 2
    let width = addresses.count / 2
    let length = 8 + width * Int(message[3]) + (isVersion2 ? 8 : 0)
    guard length <= message.count else { return }
    let low = [UInt8(length >> 8), UInt8(length & 255)]
    let pseudoHeader =
        width == 4 ? addresses + [0, 112] + low : addresses + [0, 0] + low + [0, 0, 0, 112]
    let isLeftOut = isVersion2 || !withPseudoHeader
    fitChecksum(of: &message, length: length, behind: isLeftOut ? [] : pseudoHeader)
}
