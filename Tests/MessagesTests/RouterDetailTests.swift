import Primitives
import Testing

@testable import Messages

@Suite("A router in full")
struct RouterDetailTests {
    @Test("The largest there can be fits into one frame")
    func largest() throws {
        let text = String(repeating: "x", count: 1000)
        var detail = Samples.detail
        detail.report.name = text
        detail.report.interface = text
        detail.report.addresses = Array(repeating: text, count: 100)
        detail.report.peer = .v6(.any)
        detail.transport = text
        detail.source = .v6(.any)
        detail.group = text
        detail.arithmetic = text
        detail.weights = Array(
            repeating: RouterDetail.Weight(
                name: text,
                kind: text,
                weight: .min,
                amount: .max,
                outcome: .failed
            ),
            count: 100
        )
        detail.faults = Array(repeating: text, count: 100)
        detail.awaited = detail.faults
        detail.peers = Array(
            repeating: RouterDetail.Peer(
                address: .v6(.any),
                priority: 255,
                heardMillisecondsAgo: .max
            ),
            count: 100
        )
        detail.counters = Array(repeating: RouterDetail.Count(text, .max), count: 100)
        detail.drops = detail.counters
        let frame = Frame<AgentToSupervisor>(
            sequence: 1,
            incident: .none,
            message: .detail(request: .max, detail)
        )
        let bytes = frame.encode()
        #expect(bytes.count <= FrameFormat.maximumSize)
        guard case .frame(let read) = try Frame<AgentToSupervisor>.decode(bytes[...]),
            case .detail(_, let kept) = read.message
        else {
            Issue.record("no detail came back")
            return
        }
        #expect(kept.weights.count == RouterDetail.weightLimit)
        #expect(kept.drops.count == RouterDetail.countLimit)
    }
}
