package import Primitives

/// The node's kernel, as far as the virtual address goes: an address with a lifetime, which the kernel
/// removes when it has run out and which a late renewal creates anew, as Linux does.
package struct SimulatedKernel: Equatable, Sendable {
    private enum Address: Equatable, Sendable {
        case absent
        case present(until: Instant)
    }

    private var address: Address = .absent
    /// How much longer than its lifetime an address stays: the kernel collects them in batches
    /// (2.01 to 2.08 s were measured for 2 s).
    package static let expiryLatency: Duration = .milliseconds(80)

    package init() {}

    /// When the address goes away by itself, if it is there.
    package func heldUntil(at now: Instant) -> Instant? {
        guard case .present(let until) = address, until > now else { return nil }
        return until
    }

    package func holds(at now: Instant) -> Bool { heldUntil(at: now) != nil }

    /// `ip addr replace`: adds the address or gives it a new lifetime, whichever it takes.
    package mutating func replace(lifetime: Duration, at now: Instant) {
        let until = lifetime > .zero ? now + lifetime + Self.expiryLatency : .distantFuture
        address = .present(until: until)
    }

    package mutating func remove() {
        address = .absent
    }

    /// The whole machine stood still: its clock of lifetimes did, too.
    package mutating func resume(after pause: Duration) {
        guard case .present(let until) = address, until != .distantFuture else { return }
        address = .present(until: until + pause)
    }
}
