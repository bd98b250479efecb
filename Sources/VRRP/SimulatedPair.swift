import Primitives

/// Two virtual routers on a LAN without loss or delay, in virtual time.
struct SimulatedPair {
    private(set) var node: VirtualRouter
    private(set) var peer: VirtualRouter
    private(set) var now: Instant = .zero
    /// Why one of the two does not listen to the other; nil: they do.
    let deafness: DropReason?

    private static let nodeAddress = IPAddress(192, 0, 2, 2)
    private static let peerAddress = IPAddress(192, 0, 2, 1)
    /// Against two routers that answer each other for ever; they never come near it.
    private static let longestRun = 100_000

    init(node: RouterSettings, peer: RouterSettings) {
        self.node = VirtualRouter(settings: node)
        self.peer = VirtualRouter(settings: peer)
        deafness = node.objection(to: peer) ?? peer.objection(to: node)
    }

    var nodeHolds: Bool { node.holdsAddresses }
    var peerHolds: Bool { peer.holdsAddresses }

    /// Long enough for anything that is going to happen: every delay of both nodes, twice.
    var settlingTime: Duration {
        let slowest = max(
            node.settings.advertisementInterval,
            peer.settings.advertisementInterval
        )
        let delays = max(node.settings.preemptDelay, peer.settings.preemptDelay)
        return (slowest * 4 + .seconds(2)) * 3 + delays * 2
    }

    /// Both at once, with every check well. The node goes first where both are as good.
    mutating func start() {
        for track in node.settings.tracks { report(track.wellReport) }
        for track in peer.settings.tracks {
            deliver(peer.handle(track.wellReport, at: now), fromNode: false)
        }
        deliver(
            node.handle(.start(source: Self.nodeAddress, faults: []), at: now),
            fromNode: true
        )
        deliver(
            peer.handle(.start(source: Self.peerAddress, faults: []), at: now),
            fromNode: false
        )
    }

    /// A report to the node alone.
    mutating func report(_ event: RouterEvent) {
        deliver(node.handle(event, at: now), fromNode: true)
    }

    /// Returns when the condition came true, or nil after the whole time.
    @discardableResult
    mutating func run(
        for duration: Duration,
        until condition: (SimulatedPair) -> Bool = { _ in false }
    ) -> Instant? {
        let end = now + duration
        for _ in 0..<Self.longestRun {
            if condition(self) { return now }
            let nodeNext = node.nextDeadline ?? .distantFuture
            let peerNext = peer.nextDeadline ?? .distantFuture
            let next = min(nodeNext, peerNext)
            guard next <= end else {
                now = end
                return nil
            }
            now = max(now, next)
            if nodeNext <= peerNext {
                deliver(node.handle(.deadline, at: now), fromNode: true)
            } else {
                deliver(peer.handle(.deadline, at: now), fromNode: false)
            }
        }
        return nil
    }

    /// Advertisements arrive at once; what they cause follows in the same instant.
    private mutating func deliver(_ effects: [RouterEffect], fromNode: Bool) {
        guard deafness == nil else { return }
        var queue = effects.map { (effect: $0, fromNode: fromNode) }
        var handled = 0
        while handled < queue.count, handled < Self.longestRun {
            let (effect, fromNode) = queue[handled]
            handled += 1
            guard case .advertise(let priority) = effect else { continue }
            let answers: [RouterEffect]
            if fromNode {
                let advertisement = node.settings.advertisement(priority: priority)
                answers = peer.handle(.received(advertisement, from: Self.nodeAddress), at: now)
            } else {
                let advertisement = peer.settings.advertisement(priority: priority)
                answers = node.handle(.received(advertisement, from: Self.peerAddress), at: now)
            }
            queue += answers.map { ($0, !fromNode) }
        }
    }
}

extension Track {
    /// A reversed track of weight 0 is well while its check fails, or its file holds a number.
    private var faultsOnSuccess: Bool { weight == 0 && reversed }

    /// What says that all is well.
    var wellReport: RouterEvent {
        if case .file = subject { return .reading(subject, value: faultsOnSuccess ? 1 : 0) }
        return .check(subject, succeeded: !faultsOnSuccess)
    }

    /// Numbers in a tracked file that make its node worse: the smallest, and the smallest that is a FAULT.
    /// Empty for what is no file.
    var harmfulValues: [Int] {
        guard case .file = subject else { return [] }
        guard weight != 0 else { return [reversed ? 0 : 1] }
        let direction = (weight < 0) == reversed ? -1 : 1
        let size = Int(weight.magnitude)
        let fault = (254 + size - 1) / size
        return fault == 1 ? [direction] : [direction, direction * fault]
    }
}
