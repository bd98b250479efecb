import Balancing
import CLinux
import HAProxySyntax
import LinuxIO
import Primitives
import Rules
import Sessions

/// How far the rules of a session's proxies have come.
enum RuleStep: UInt8 {
    case none
    /// `tcp-request content` of the frontend.
    case frontendContent
    /// That of the backend that was chosen.
    case backendContent
}

/// Rules between an accepted client and the choice of its server. Its bytes are looked at where they wait in the
/// kernel (MSG_PEEK), and stay there for the server.
extension Worker where E: ~Copyable {
    /// `tcp-request connection`; false: the session is over.
    @inline(never)
    mutating func admits(
        _ slot: Slot,
        by rules: Rulebook,
        _ list: RuleList,
        refused: Count
    ) -> Bool {
        guard !list.isEmpty else { return true }
        switch decide(slot, list, request: 0, isFinal: true) {
        case .accepted, .waits: return true
        case .rejected:
            // As HAProxy: a reset, and no line in the log.
            slot.pointee.isLogged = true
            slot.pointee.listener?.pointee.tally.add(refused)
            _ = handle(.rejected, slot)
            perform(.finish(reset: true), slot)
            return false
        }
    }

    /// The client is known: its PROXY header was read, if one is expected.
    @inline(__always)
    mutating func enter(_ slot: Slot) {
        guard let frontend = slot.pointee.frontend else { return }
        guard let rules = frontend.pointee.rulebook else {
            lead(slot, by: frontend)
            return
        }
        beginRules(slot, rules)
    }

    @inline(never)
    private mutating func beginRules(_ slot: Slot, _ rules: Rulebook) {
        guard admits(slot, by: rules, rules.session, refused: .deniedSessions) else { return }
        slot.pointee.step = .frontendContent
        inspect(slot, isFinal: false)
    }

    /// The rules of the step that the session is at, with what its client has sent so far.
    @inline(never)
    mutating func inspect(_ slot: Slot, isFinal: Bool) {
        guard let frontend = slot.pointee.frontend else { return }
        let isBackend = slot.pointee.step == .backendContent
        let rules =
            isBackend ? slot.pointee.backend?.pointee.backend.rulebook : frontend.pointee.rulebook
        guard let rules else { return }
        var count = 0
        var isOver = isFinal || rules.inspectDelay == 0
        if rules.content.needsRequest || !isBackend && rules.choosesByRequest {
            let found = unsafe tandem_stream_peek(
                E.clientDescriptor(&self, slot),
                scratch,
                Criterion.requestLimit
            )
            count = max(Int(found), 0)
            // Nothing more will come, or nothing more has room.
            if found == 0 || count >= Self.fullRequest { isOver = true }
            if slot.pointee.client.flags.contains(.ending) { isOver = true }
        }
        switch decide(slot, rules.content, request: count, isFinal: isOver) {
        case .rejected:
            slot.pointee.step = .none
            slot.pointee.listener?.pointee.tally.add(.deniedRequests)
            perform(handle(.rejected, slot), slot)
        case .waits: waitForRequest(slot, rules)
        case .accepted:
            slot.pointee.step = .none
            slot.pointee.waitsUntil = .distantFuture
            if isBackend {
                perform(choose(slot, fromQueue: false), slot)
            } else {
                lead(slot, by: route(of: slot, rules, frontend, request: count))
            }
        }
    }

    /// HAProxy's buffer without its reserve: when so much has come, no more is waited for.
    private static var fullRequest: Int { 15_360 }

    private mutating func waitForRequest(_ slot: Slot, _ rules: Rulebook) {
        if slot.pointee.waitsUntil == .distantFuture {
            slot.pointee.waitsUntil = now.advanced(byNanoseconds: rules.inspectDelay)
            slot.pointee.waitEndsByTimeout = false
            limitWait(slot)
            arm(slot)
        }
        E.watchClient(&self, slot)
    }

    /// No wait for the client is longer than `timeout client`; none for a PROXY header is without end.
    mutating func limitWait(_ slot: Slot) {
        let own = slot.pointee.frontend?.pointee.timeouts.client
        guard let limit = own ?? (slot.pointee.awaitsProxyHeader ? .seconds(30) : nil) else {
            return
        }
        let end = now.advanced(byNanoseconds: UInt64(clamping: limit.nanoseconds))
        if end < slot.pointee.waitsUntil {
            slot.pointee.waitsUntil = end
            slot.pointee.waitEndsByTimeout = true
        }
    }

    /// A client was waited for until now.
    mutating func waitIsOver(_ slot: Slot) {
        if slot.pointee.awaitsProxyHeader || slot.pointee.waitEndsByTimeout {
            signal(slot, .idle(.client))
        } else if slot.pointee.step != .none {
            inspect(slot, isFinal: true)
        }
    }

    /// The first `use_backend` that holds, or the default.
    private mutating func route(
        of slot: Slot,
        _ rules: Rulebook,
        _ frontend: Pinned<LiveFrontend>,
        request: Int
    ) -> Pinned<LiveFrontend> {
        guard !rules.choices.isEmpty else { return frontend }
        var facts = facts(of: slot)
        let bytes = unsafe Span<UInt8>(
            _unsafeStart: scratch.assumingMemoryBound(to: UInt8.self),
            count: request
        )
        for position in rules.choices.indices {
            let condition = rules.choices[position].condition
            let truth = condition?.test(&facts, request: bytes, isFinal: true) ?? .yes
            if truth == .yes { return frontend.pointee.routes[position] }
        }
        return frontend
    }

    /// Into the backend, whose own rules come first.
    @inline(__always)
    mutating func lead(_ slot: Slot, by route: Pinned<LiveFrontend>) {
        slot.pointee.frontend = route
        guard let backend = route.pointee.backend else {
            signal(slot, .noServer)
            return
        }
        slot.pointee.backend = backend
        backend.pointee.tally.raise(.mostSessions, to: backend.pointee.connections.add(1))
        backend.pointee.tally.add(.sessions)
        if backend.pointee.hasContentRules, backend.pointee.proxy != route.pointee.proxy {
            slot.pointee.step = .backendContent
            inspect(slot, isFinal: false)
            return
        }
        perform(choose(slot, fromQueue: false), slot)
    }

    private mutating func decide(
        _ slot: Slot,
        _ list: RuleList,
        request: Int,
        isFinal: Bool
    ) -> RuleList.Decision {
        guard !list.isEmpty else { return .accepted }
        var facts = facts(of: slot)
        let bytes = unsafe Span<UInt8>(
            _unsafeStart: scratch.assumingMemoryBound(to: UInt8.self),
            count: request
        )
        let decision = list.decide(&facts, request: bytes, isFinal: isFinal)
        keep(facts.notes, of: slot)
        return decision
    }

    mutating func facts(of slot: Slot) -> SessionFacts {
        let plan =
            slot.pointee.listener?.pointee.frontend.pointee.plan ?? plans[plans.count - 1]
        return SessionFacts(
            peer: slot.pointee.peer,
            descriptor: E.clientDescriptor(&self, slot),
            live: plan,
            entrance: slot.pointee.listener?.pointee.connections,
            notes: notes(of: slot),
            now: now
        )
    }

    // MARK: Sticking

    /// `stick on`, `stick match`: the server that the client went to before, if it is up.
    @inline(never)
    mutating func stuckServer(_ slot: Slot, _ backend: Pinned<LiveBackend>) -> Int? {
        guard let rules = backend.pointee.backend.rulebook else { return nil }
        var facts = facts(of: slot)
        let servers = backend.pointee.backend.servers
        for rule in rules.sticks where rule.matches && holds(rule, &facts) {
            guard let number = facts.server(rule),
                let server = servers.firstIndex(where: { $0.number == number }),
                backend.pointee.lists.pointee.balancer.servers[server].isUsable
            else { continue }
            return server
        }
        return nil
    }

    /// The server was reached: for `observe`, and for tables.
    @inline(never)
    mutating func remember(_ slot: Slot, _ backend: Pinned<LiveBackend>) {
        observe(slot, connected: true)
        if backend.pointee.sticks { rememberServer(slot, backend) }
    }

    /// `stick on`, `stick store-request`: where the client goes from here on.
    private mutating func rememberServer(_ slot: Slot, _ backend: Pinned<LiveBackend>) {
        guard let rules = backend.pointee.backend.rulebook, slot.pointee.serverIndex >= 0 else {
            return
        }
        var facts = facts(of: slot)
        let server = backend.pointee.backend.servers[Int(slot.pointee.serverIndex)]
        for rule in rules.sticks where rule.stores && holds(rule, &facts) {
            facts.stick(rule, to: server.number)
        }
    }

    private func holds(_ rule: StickRule, _ facts: inout SessionFacts) -> Bool {
        let nothing = unsafe Span<UInt8>(
            _unsafeStart: scratch.assumingMemoryBound(to: UInt8.self),
            count: 0
        )
        guard let condition = rule.condition else { return true }
        return condition.test(&facts, request: nothing, isFinal: true) == .yes
    }
}
