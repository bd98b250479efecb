package import Messages
import VRRP

/// A virtual router in full, for people: what it is, what its priority is made of, who was heard.
package enum RouterText {
    private static let indent = String(repeating: " ", count: 4)

    /// `more`: what its agent says beside the detail.
    package static func lines(
        _ detail: RouterDetail,
        _ more: [RouterRows.Row] = []
    ) -> [String] {
        let report = detail.report
        var lines = [
            "\(report.name): \(report.state.name) since \(TimeText.short(report.since))",
            row(
                "router",
                "VRRPv\(detail.version), VRID \(report.virtualRouterID) on \(report.interface)"
            ),
            row("sends", sending(detail)),
            row("priority", "\(detail.arithmetic) (base \(report.basePriority))"),
            row("preempts", preemption(detail)),
            row("timers", timers(detail.timers)),
            row("addresses", report.addresses.joined(separator: " ")),
        ]
        if !detail.group.isEmpty { lines.append(row("group", detail.group)) }
        lines += detail.weights.map { row("tracks", text(of: $0)) }
        lines += detail.faults.map { row("fault", $0) }
        lines += detail.awaited.map { row("awaits", "the first report of \($0)") }
        lines +=
            detail.peers.isEmpty
            ? [row("heard", "no advertisement of another router, ever")]
            : detail.peers.map { row("heard", text(of: $0)) }
        lines += more.map { row($0.name, $0.text) }
        lines += detail.counters.filter { $0.value > 0 }.map { row($0.name, "\($0.value)") }
        lines += detail.drops.filter { $0.value > 0 }
            .map { row(verb(for: $0), "\($0.value) for \($0.name)") }
        return lines
    }

    private static func row(_ name: String, _ value: String) -> String {
        let width = 26
        return indent + name + String(repeating: " ", count: max(1, width - name.count)) + value
    }

    /// What is for no router of the interface is nobody's loss.
    private static func verb(for drop: RouterDetail.Count) -> String {
        drop.name == DropReason.virtualRouterID.name ? "ignored" : "dropped"
    }

    private static func sending(_ detail: RouterDetail) -> String {
        let source = detail.source.map { "from \($0)" } ?? "nothing: there is no source address"
        return "\(detail.transport), \(source)"
    }

    private static func preemption(_ detail: RouterDetail) -> String {
        guard detail.preempts else { return "no (nopreempt)" }
        guard detail.preemptDelayMilliseconds > 0 else { return "yes, at once" }
        return "yes, after \(seconds(UInt64(detail.preemptDelayMilliseconds) * 1000))"
    }

    private static func timers(_ timers: RouterDetail.Timers) -> String {
        var parts = ["advertisement every \(seconds(timers.advertisement))"]
        if timers.activeAdvertisement != timers.advertisement {
            parts.append("the MASTER's every \(seconds(timers.activeAdvertisement))")
        }
        parts.append("skew \(seconds(timers.skew))")
        parts.append("master-down \(seconds(timers.masterDown))")
        if let next = timers.next { parts.append("next in \(seconds(next))") }
        return parts.joined(separator: ", ")
    }

    private static func text(of weight: RouterDetail.Weight) -> String {
        let outcome =
            switch (weight.kind, weight.outcome) {
            case (_, .unknown): "has not reported"
            // Its number has a line of its own.
            case ("file", _): "is read"
            case (_, .succeeded): "succeeds"
            case (_, .failed): "fails"
            }
        let effect =
            weight.weight == 0
            ? "its failure is a FAULT"
            : "weight \(weight.weight), \(signed(weight.amount)) now"
        return "\(weight.kind) \(weight.name) \(outcome): \(effect)"
    }

    private static func text(of peer: RouterDetail.Peer) -> String {
        "\(peer.address) with priority \(peer.priority), "
            + "\(seconds(UInt64(peer.heardMillisecondsAgo) * 1000)) ago"
    }

    private static func signed(_ amount: Int16) -> String {
        amount < 0 ? "\(amount)" : "+\(amount)"
    }

    private static func seconds(_ microseconds: some BinaryInteger) -> String {
        TimeText.seconds(microseconds: UInt64(clamping: microseconds))
    }
}
