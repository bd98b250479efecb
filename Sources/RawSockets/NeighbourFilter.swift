import CLinux
import LinuxIO
import Primitives

/// A program for the kernel's classic packet filter that lets through what a `NeighbourListener` watches.
struct NeighbourFilter {
    private(set) var instructions: [sock_filter] = []

    /// Where an ARP packet with its Ethernet header has its sender's address.
    private static let arpSender: UInt32 = 28
    /// Where a neighbour advertisement has its target.
    private static let target: UInt32 = 8

    /// More addresses than a program has room for make one that lets everything through; the listener looks
    /// for itself.
    static func accepting(
        _ addresses: [IPAddress],
        of family: AddressFamily
    ) -> NeighbourFilter {
        var filter = NeighbourFilter()
        for address in addresses {
            let octets = address.octets
            let offset = family == .v4 ? arpSender : target
            let words = stride(from: 0, to: octets.count, by: 4).map { position in
                octets[position..<position + 4].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
            }
            for (index, word) in words.enumerated() {
                filter.load(offset + UInt32(4 * index))
                // Past the rest of this address: two instructions a word, and the acceptance.
                filter.continueIf(word, otherwiseSkip: UInt8(2 * (words.count - index - 1) + 1))
            }
            filter.finish(accepting: true)
        }
        filter.finish(accepting: false)
        if filter.instructions.count > Int(BPF_MAXINSNS) {
            filter = NeighbourFilter()
            filter.finish(accepting: true)
        }
        return filter
    }

    private mutating func load(_ offset: UInt32) {
        append(BPF_LD | BPF_W | BPF_ABS, offset)
    }

    private mutating func continueIf(_ value: UInt32, otherwiseSkip count: UInt8) {
        append(BPF_JMP | BPF_JEQ | BPF_K, value, otherwise: count)
    }

    private mutating func finish(accepting: Bool) {
        append(BPF_RET | BPF_K, accepting ? .max : 0)
    }

    private mutating func append(_ code: Int32, _ operand: UInt32, otherwise: UInt8 = 0) {
        instructions.append(
            sock_filter(
                code: UInt16(truncatingIfNeeded: code),
                jt: 0,
                jf: otherwise,
                k: operand
            )
        )
    }

    func attach(to socket: Int32) throws(SystemCallError) {
        let result = unsafe instructions.withUnsafeBufferPointer { raw in
            unsafe tandem_attach_filter(socket, raw.baseAddress, raw.count)
        }
        try check(result, "attach packet filter")
    }
}
