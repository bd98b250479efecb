import Primitives
import Supervision
import Testing
import VRRP

@testable import Messages

/// A message and the bytes that it has had since version 1.0, a field a line: `hexadecimal | what it is`.
///
/// The first line is the kind; magic, version, sequence 7 and incident 258 are the same in all.
struct Golden<Message: LinkMessage>: Sendable, CustomTestStringConvertible {
    let message: Message
    let fields: String

    init(_ message: Message, _ fields: String) {
        self.message = message
        self.fields = fields
    }

    var testDescription: String { "\(message)" }

    private var frame: Frame<Message> {
        Frame(sequence: 7, incident: IncidentID(rawValue: 258), message: message)
    }

    /// The whole frame as it has to be.
    var bytes: [UInt8] {
        let lines = fields.split(separator: "\n").map { $0.prefix { $0 != " " } }
        let header =
            "544e444d"  // magic TNDM
            + "01" + "00"  // version 1.0
            + (lines.first ?? "")  // kind
            + "0700000000000000"  // sequence 7
            + "0201000000000000"  // incident 258
        return Self.parse(header + lines.dropFirst().joined())
    }

    private static func parse(_ hexadecimal: some StringProtocol) -> [UInt8] {
        let digits = hexadecimal.compactMap(\.hexDigitValue)
        return stride(from: 0, to: digits.count - 1, by: 2).map { index in
            UInt8(digits[index] << 4 | digits[index + 1])
        }
    }

    func check() throws {
        #expect(frame.encode() == bytes)
        #expect(try Frame<Message>.decode(bytes[...]) == .frame(frame))
        // Neither less nor more is taken for it.
        for count in 0..<bytes.count {
            #expect(throws: FrameError.self) { try Frame<Message>.decode(bytes[..<count]) }
        }
        #expect(throws: FrameError.malformed(.trailing(1))) {
            try Frame<Message>.decode((bytes + [0])[...])
        }
    }

    static func checkKinds(of rows: [Golden], count: UInt16) throws {
        #expect(Set(rows.map(\.message.kind)) == Set(1...count))
        for kind in [0, count + 1, .max] {
            var reader = ByteReader([])
            #expect(try Message.decode(kind: kind, from: &reader) == nil)
        }
    }
}

enum Samples {
    static let router = RouterReport(
        name: "VI_1",
        state: .active,
        interface: "eth0",
        virtualRouterID: 51,
        basePriority: 101,
        priority: 103,
        addresses: ["192.168.0.100/32"],
        since: 1_700_000_000_000_000_000,
        peer: IPAddress(192, 168, 0, 2),
        peerPriority: 102,
        peerHeardMillisecondsAgo: 900,
        dropped: 7
    )
    static let bareRouter = RouterReport(
        name: "VI_2",
        state: .fault,
        interface: "",
        virtualRouterID: 255,
        basePriority: 1,
        priority: 0,
        addresses: [],
        since: 0
    )
    static let detail = RouterDetail(
        report: router,
        version: 2,
        transport: "multicast 224.0.0.18",
        source: IPAddress(192, 168, 0, 1),
        group: "G",
        arithmetic: "101 + 2 (chk) = 103",
        preempts: true,
        preemptDelayMilliseconds: 250,
        timers: RouterDetail.Timers(
            advertisement: 1_000_000,
            activeAdvertisement: 1_000_000,
            skew: 597_656,
            masterDown: 3_597_656,
            next: 400_000
        ),
        weights: [
            RouterDetail.Weight(
                name: "chk",
                kind: "script",
                weight: 2,
                amount: -2,
                outcome: .succeeded
            )
        ],
        faults: ["down"],
        awaited: ["w"],
        peers: [
            RouterDetail.Peer(
                address: IPAddress(192, 168, 0, 2),
                priority: 102,
                heardMillisecondsAgo: 900
            )
        ],
        counters: [RouterDetail.Count("sent", 5)],
        drops: [RouterDetail.Count("ttl", 6)]
    )
    static let bareDetail = RouterDetail(
        report: bareRouter,
        version: 3,
        transport: "",
        source: nil,
        group: "",
        arithmetic: "",
        preempts: false,
        preemptDelayMilliseconds: 0,
        timers: RouterDetail.Timers(
            advertisement: 0,
            activeAdvertisement: 0,
            skew: 0,
            masterDown: 0,
            next: nil
        ),
        weights: [],
        faults: [],
        awaited: [],
        peers: [],
        counters: [],
        drops: []
    )
    static let process = ProcessReport(
        name: "proxy",
        state: .running,
        pid: 4711,
        uptimeMilliseconds: 61_000,
        restarts: 2
    )
    static let entry = JournalEntry(
        wallClock: 1_700_000_000_000_000_000,
        incident: IncidentID(rawValue: 258),
        event: "proxy died",
        decision: "restart",
        reason: "1 of 3"
    )
    static let health = ProxyHealth(
        ready: true,
        listeners: 1,
        usableServers: 2,
        servers: 3,
        proxiesWithoutServer: 4,
        proxies: 5
    )
}
