import Primitives

@testable import Rules

/// A connection as a test describes it.
struct TestFacts: ConnectionFacts {
    var source: IPAddress? = IPAddress("192.0.2.7")
    var sourcePort = 40_000
    var destination: IPAddress? = IPAddress("198.51.100.1")
    var destinationPort = 443
    var entranceConnections = 3
    var counters: [TableCounter: Int] = [:]
    var tracked: [Int: Int] = [:]

    func connections(ofFrontend proxy: Int) -> Int { proxy }
    func connections(ofBackend proxy: Int) -> Int { proxy * 10 }
    func queued(inBackend proxy: Int) -> Int { proxy * 100 }
    func usableServers(ofBackend proxy: Int) -> Int { proxy == 0 ? 0 : 2 }
    func freeSlots(ofBackend proxy: Int) -> Int { -1 }
    func counter(_ counter: TableCounter, ofSourceIn proxy: Int) -> Int? { counters[counter] }
    func counter(_ counter: TableCounter, trackedAt place: Int) -> Int? { tracked[place] }
    mutating func track(_ key: TableKeySource, in proxy: Int, at place: Int) {
        tracked[place] = proxy
    }
}

extension Criterion {
    func test(
        _ facts: TestFacts = TestFacts(),
        _ request: [UInt8] = [],
        final: Bool = true
    )
        -> Truth
    {
        var facts = facts
        return test(&facts, request: request.span, isFinal: final)
    }
}

/// The first message of a TLS client, with a name to reach or without.
func clientHello(name: String?) -> [UInt8] {
    func sized(_ bytes: [UInt8], _ width: Int) -> [UInt8] {
        (0..<width).reversed().map { UInt8(truncatingIfNeeded: bytes.count >> (8 * $0)) } + bytes
    }
    var extensions: [UInt8] = [0, 23] + sized([], 2)
    if let name {
        let entry = [0] + sized(Array(name.utf8), 2)
        extensions += [0, 0] + sized(sized(entry, 2), 2)
    }
    extensions += [0, 43] + sized([2, 3, 4], 2)
    let body: [UInt8] =
        [3, 3] + [UInt8](repeating: 7, count: 32) + sized([UInt8](repeating: 9, count: 32), 1)
        + sized([0x13, 1, 0x13, 2], 2) + sized([0], 1) + sized(extensions, 2)
    return [22, 3, 1] + sized([1] + sized(body, 3), 2)
}
