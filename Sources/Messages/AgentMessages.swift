package import Primitives
package import VRRP

/// What the supervisor accepts from the agent.
package enum AgentToSupervisor: GreetingMessage {
    case hello(Hello)
    /// One virtual router, on connect, on request and whenever anything in it changes.
    case router(RouterReport)
    /// A router changed its state.
    case transition(RouterChange)
    /// A MASTER other than this node was heard for the first time since this node was MASTER or began.
    case peerHeard(router: String, address: IPAddress, priority: UInt8)
    case reloadFinished(succeeded: Bool, text: String)
    /// A router that the new configuration no longer has.
    case routerRemoved(name: String)
    /// One of the answers to `describe`, with its number.
    case detail(request: UInt64, RouterDetail)
    /// All answers to that `describe` have been given.
    case described(request: UInt64)
    /// Something about a router or an interface that is worth an entry in the journal: what happened, what the
    /// agent does about it, and why, in words.
    case noted(subject: String, event: String, decision: String, reason: String)
    /// Behind a `detail`, as often as it takes: what that has no field for.
    case rows(request: UInt64, RouterRows)

    package var greeting: Hello? { if case .hello(let hello) = self { hello } else { nil } }

    package var kind: UInt16 {
        switch self {
        case .hello: 1
        case .router: 2
        case .transition: 3
        case .peerHeard: 4
        case .reloadFinished: 5
        case .routerRemoved: 6
        case .detail: 7
        case .described: 8
        case .noted: 9
        case .rows: 10
        }
    }

    package func encode(into writer: inout ByteWriter) {
        switch self {
        case .hello(let hello): hello.encode(into: &writer)
        case .router(let report): report.encode(into: &writer)
        case .transition(let change): change.encode(into: &writer)
        case .peerHeard(let router, let address, let priority):
            writer.text(router, limit: 64)
            writer.address(address)
            writer.byte(priority)
        case .reloadFinished(let succeeded, let text):
            writer.flag(succeeded)
            writer.text(text, limit: 2048)
        case .routerRemoved(let name): writer.text(name, limit: 64)
        case .detail(let request, let detail):
            writer.littleEndian(request)
            detail.encode(into: &writer)
        case .described(let request): writer.littleEndian(request)
        case .noted(let subject, let event, let decision, let reason):
            writer.text(subject, limit: 64)
            writer.text(event, limit: 256)
            writer.text(decision, limit: 256)
            writer.text(reason, limit: 1024)
        case .rows(let request, let rows):
            writer.littleEndian(request)
            rows.encode(into: &writer)
        }
    }

    /// A report says how a router is now; everything else happened once.
    package var replaceable: String? {
        if case .router(let report) = self { report.name } else { nil }
    }

    package static func decode(
        kind: UInt16,
        from reader: inout ByteReader
    ) throws(DecodeError) -> AgentToSupervisor? {
        switch kind {
        case 1: .hello(try Hello(from: &reader))
        case 2: .router(try RouterReport(from: &reader))
        case 3: .transition(try RouterChange(from: &reader))
        case 4:
            .peerHeard(
                router: try reader.text(),
                address: try reader.address(),
                priority: try reader.byte()
            )
        case 5: .reloadFinished(succeeded: try reader.flag(), text: try reader.text())
        case 6: .routerRemoved(name: try reader.text())
        case 7:
            .detail(request: try reader.littleEndian(), try RouterDetail(from: &reader))
        case 8: .described(request: try reader.littleEndian())
        case 9:
            .noted(
                subject: try reader.text(),
                event: try reader.text(),
                decision: try reader.text(),
                reason: try reader.text()
            )
        case 10: .rows(request: try reader.littleEndian(), try RouterRows(from: &reader))
        default: nil
        }
    }
}

/// What the agent accepts from the supervisor.
package enum SupervisorToAgent: GreetingMessage {
    case hello(Hello)
    /// This node may own the VIP for the time given, with this standing.
    case lease(Lease)
    /// Let go of every VIP. `hold`: stay BACKUP until a peer was MASTER, or for this long; zero: no hold.
    case stepDown(StepDownReason, hold: Duration)
    /// Read the configuration anew.
    case reload
    /// Send a `router` message for every virtual router.
    case report
    /// Send everything about the virtual routers, or about the one named, then `described`.
    case describe(request: UInt64, name: String?)

    package var greeting: Hello? { if case .hello(let hello) = self { hello } else { nil } }

    package var kind: UInt16 {
        switch self {
        case .hello: 1
        case .lease: 2
        case .stepDown: 3
        case .reload: 4
        case .report: 5
        case .describe: 6
        }
    }

    package func encode(into writer: inout ByteWriter) {
        switch self {
        case .hello(let hello): hello.encode(into: &writer)
        case .lease(let lease): lease.encode(into: &writer)
        case .stepDown(let reason, let hold):
            writer.byte(reason.rawValue)
            writer.milliseconds(hold)
        case .reload, .report: break
        case .describe(let request, let name):
            writer.littleEndian(request)
            writer.texts(name.map { [$0] } ?? [], limit: 1)
        }
    }

    package var replaceable: String? {
        if case .lease = self { "lease" } else { nil }
    }

    package static func decode(
        kind: UInt16,
        from reader: inout ByteReader
    ) throws(DecodeError) -> SupervisorToAgent? {
        switch kind {
        case 1: .hello(try Hello(from: &reader))
        case 2: .lease(try Lease(from: &reader))
        case 3:
            .stepDown(
                try reader.choice("step-down reason"),
                hold: try reader.milliseconds()
            )
        case 4: .reload
        case 5: .report
        case 6:
            .describe(
                request: try reader.littleEndian(),
                name: try reader.texts(limit: 1).first
            )
        default: nil
        }
    }
}

/// Health, lent for a short time.
package struct Lease: Equatable, Sendable {
    /// From the moment that the agent reads it.
    package var duration: Duration
    package var standing: Standing
    /// The answer for scripts that only ask whether a process named haproxy exists.
    package var proxyHealthy: Bool

    package init(duration: Duration, standing: Standing, proxyHealthy: Bool) {
        self.duration = duration
        self.standing = standing
        self.proxyHealthy = proxyHealthy
    }

    func encode(into writer: inout ByteWriter) {
        writer.milliseconds(duration)
        writer.byte(standing.rawValue)
        writer.flag(proxyHealthy)
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        duration = try reader.milliseconds()
        standing = try reader.choice("standing")
        proxyHealthy = try reader.flag()
    }
}

/// A change of a router's state, with its reason as a sentence.
package struct RouterChange: Equatable, Sendable {
    package var router: String
    package var from: VisibleState
    package var to: VisibleState
    package var reason: String

    package init(router: String, from: VisibleState, to: VisibleState, reason: String) {
        self.router = router
        self.from = from
        self.to = to
        self.reason = reason
    }

    func encode(into writer: inout ByteWriter) {
        writer.text(router, limit: 64)
        writer.byte(from.rawValue)
        writer.byte(to.rawValue)
        writer.text(reason)
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        router = try reader.text()
        from = try reader.choice("state")
        to = try reader.choice("state")
        reason = try reader.text()
    }
}
