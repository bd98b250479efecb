import Primitives

extension World {
    /// A machine that has handled its deadline asks for a later one: anything else is a busy loop.
    func deadlineInFuture(_ deadline: Instant?, of machine: String, at now: Instant) -> Violation? {
        guard let deadline, deadline <= now else { return nil }
        return Violation(
            invariant: .deadlineInFuture,
            text: "the \(machine) asks to be called \((now - deadline).milliseconds) ms ago"
        )
    }
}
