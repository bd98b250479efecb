import Primitives

extension World {
    /// Far above what two nodes can have under way at once.
    package static let mostUnderWay = 500

    /// Neither a stopped process nor a storm of messages grows a queue without end.
    func queuesBounded() -> Violation? {
        for index in vitals.indices where vitals[index].inboxCount > SimulatedAgent.inboxLimit {
            return Violation(
                invariant: .queuesBounded,
                text: "\(vitals[index].inboxCount) inputs wait for one agent"
            )
        }
        guard schedule.count > Self.mostUnderWay else { return nil }
        return Violation(
            invariant: .queuesBounded,
            text: "\(schedule.count) messages are under way"
        )
    }
}
