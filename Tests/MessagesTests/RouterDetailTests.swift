import Primitives
import Testing
import VRRP

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

    @Test(
        "A router's report replaces its last one and no other's, and what happened once is not replaced"
    )
    func replaceable() {
        var other = Samples.detail.report
        other.name = "VI_2"
        let reports = [AgentToSupervisor.router(Samples.detail.report), .router(other)]
        #expect(reports.map(\.replaceable) == ["VI_1", "VI_2"])
        let change = RouterChange(router: "VI_1", from: .backup, to: .active, reason: "why")
        #expect(AgentToSupervisor.transition(change).replaceable == nil)
        #expect(AgentToSupervisor.described(request: 1).replaceable == nil)
    }

    @Test("Rows take as many frames as they need, each of which fits")
    func pages() throws {
        let text = String(repeating: "x", count: 1000)
        let rows = (0..<100).map { _ in RouterRows.Row(text, text) }
        let pages = RouterRows.pages(of: rows, router: text)
        #expect(pages.map(\.rows.count).reduce(0, +) == 100)
        for page in pages {
            let frame = Frame<AgentToSupervisor>(
                sequence: 1,
                incident: .none,
                message: .rows(request: .max, page)
            )
            let bytes = frame.encode()
            #expect(bytes.count <= FrameFormat.maximumSize)
            _ = try Frame<AgentToSupervisor>.decode(bytes[...])
        }
        #expect(RouterRows.pages(of: [], router: "VI_1").isEmpty)
    }
}
