import LinuxIO
import Netlink
import Primitives

/// A kernel that answers every request with the same datagrams.
private struct ScriptedSocket: RouteSocket, ~Copyable {
    let answers: [ArraySlice<UInt8>]
    /// First the caller throws away what an earlier listing left.
    var next = -1

    mutating func send(_ message: [UInt8]) throws(SystemCallError) {}

    mutating func receive(within wait: Duration) throws(SystemCallError) -> ArraySlice<UInt8>? {
        defer { next += 1 }
        return answers.indices.contains(next) ? answers[next] : nil
    }
}

/// The kernel's listing of connections (sock_diag), and what it says to an end of one. What libFuzzer calls;
/// `scripts/fuzz` builds it.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ data: UnsafePointer<UInt8>, _ size: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: data, count: size))

    let half = bytes.count / 2 & ~3
    var table = ConnectionTable(
        socket: ScriptedSocket(answers: [bytes[..<half], bytes[half...], bytes[...]])
    )
    _ = try? table.reset(on: [IPAddress(192, 0, 2, 1)], within: .milliseconds(5))
    return 0
}
