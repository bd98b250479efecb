/// A server's health as HAProxy counts it: 0 to `rise + fall - 1`, up from `rise` on.
package struct ServerHealth: Equatable, Sendable {
    package let rise: Int
    package let fall: Int
    package private(set) var value: Int

    /// `init-state` (HAProxy 3.1): what a server is before its first check.
    package enum Start: Equatable, Sendable {
        case fullyUp
        /// UP with no credit: one failure is enough to take it DOWN. What HAProxy always did.
        case up
        /// One success is enough to take it UP.
        case down
        case fullyDown
    }

    package init(rise: Int = 2, fall: Int = 3, start: Start = .up) {
        self.rise = max(rise, 1)
        self.fall = max(fall, 1)
        value =
            switch start {
            case .fullyUp: self.rise + self.fall - 1
            case .up: self.rise
            case .down: self.rise - 1
            case .fullyDown: 0
            }
    }

    /// The health that a server had under other settings, as far as these allow it.
    package init(rise: Int, fall: Int, carriedOver: ServerHealth) {
        self.init(rise: rise, fall: fall)
        if carriedOver.isUp {
            value = min(self.rise + max(carriedOver.value - carriedOver.rise, 0), maximum)
            if carriedOver.isFull { value = maximum }
        } else {
            value = min(carriedOver.value, self.rise - 1)
        }
    }

    package var isUp: Bool { value >= rise }
    package var isFull: Bool { value == maximum }
    package var isEmpty: Bool { value == 0 }
    private var maximum: Int { rise + fall - 1 }

    /// What a check's answer changed.
    package enum Change: Equatable, Sendable {
        case none
        /// The count moved and the state did not.
        case counted
        case wentDown
        case cameUp
    }

    package mutating func passed() -> Change {
        guard value < maximum else { return .none }
        let wasUp = isUp
        value += 1
        if isUp { value = maximum }
        return isUp && !wasUp ? .cameUp : .counted
    }

    /// So few failures are left before it goes DOWN.
    mutating func weaken(to failures: Int) {
        guard isUp else { return }
        value = min(value, rise + max(failures, 1) - 1)
    }

    package mutating func failed() -> Change {
        guard value > 0 else { return .none }
        let wasUp = isUp
        value -= 1
        if !isUp { value = 0 }
        return wasUp && !isUp ? .wentDown : .counted
    }

    /// `2/3 UP`: failures left of `fall`, or successes so far of `rise`.
    package var description: String {
        isUp ? "\(value - rise + 1)/\(fall) UP" : "\(value)/\(rise) DOWN"
    }
}
