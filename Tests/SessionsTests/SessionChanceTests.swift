import Primitives
import Testing

@testable import Sessions

/// Whatever comes in whatever order: what a session promises.
@Suite struct SessionChanceTests {
    private func event(_ random: inout SeededGenerator) -> Session.Event {
        let side: Side = random.next() % 2 == 0 ? .client : .server
        let active = Int(random.next() % 4)
        let isUsable = random.next() % 4 > 0
        switch random.next() % 16 {
        case 0, 1: return .assigned(elsewhere: random.next() % 2 == 0, isStuck: !isUsable)
        case 2: return .busy
        case 3: return random.next() % 8 == 0 ? .queueFull : .busy
        case 4: return random.next() % 8 == 0 ? .noServer : .slotFree
        case 5: return .slotFree
        case 6: return random.next() % 4 == 0 ? .connected : .slotFree
        case 7: return .connectFailed(.answered, active: active, serverIsUsable: isUsable)
        case 8: return .connectFailed(.immediate, active: active, serverIsUsable: isUsable)
        case 9: return .connectFailed(.exhausted, active: active, serverIsUsable: isUsable)
        case 10, 11, 12: return .deadline(active: active, serverIsUsable: isUsable)
        case 13: return random.next() % 4 == 0 ? .ended(side) : .slotFree
        case 14: return random.next() % 8 == 0 ? .failed(side) : .slotFree
        default:
            switch random.next() % 24 {
            case 0: return .idle(side)
            case 1: return .killed(.killed)
            case 2: return .rejected
            case 3: return .connectFailed(.starved, active: active, serverIsUsable: isUsable)
            default: return .busy
            }
        }
    }

    @Test("It finishes once, connects no more often than told, and waits no longer than it says")
    func promises() {
        var endings: Set<String> = []
        for seed in 0..<3000 as Range<UInt64> {
            var random = SeededGenerator(seed: seed)
            let rules = ConnectRules(
                retries: Int(random.next() % 5),
                redispatch: [nil, -1, 1, 2, -3][Int(random.next() % 5)],
                connectTimeout: random.next() % 4 == 0 ? nil : .milliseconds(300),
                queueTimeout: random.next() % 2 == 0 ? nil : .milliseconds(700),
                leavesAtOnce: random.next() % 2 == 0
            )
            var session = Session(acceptedAt: .zero)
            var now = Instant.zero
            var connects = 0
            var finishes = 0
            for _ in 0..<120 {
                now = now.advanced(by: .milliseconds(Int64(random.next() % 200)))
                let before = session
                let event = event(&random)
                let effect = session.handle(event, at: now, rules: rules)
                switch effect {
                case .connect: connects += 1
                case .finish:
                    finishes += 1
                    endings.insert(session.termination.text)
                    #expect(session.phase == .closed, "\(seed): \(event)")
                case .choose: #expect(session.phase == .choosing, "\(seed): \(event)")
                case .transfer: #expect(session.phase == .established, "\(seed): \(event)")
                case .wait:
                    #expect(session.phase == .queued || session.phase == .turnAround)
                    if session.phase == .turnAround {
                        #expect(session.deadline.map { $0 > now } == true, "\(seed): \(event)")
                    }
                case .none, .shutDown: break
                }
                if before.phase == .closed {
                    #expect(session == before && effect == .none, "\(seed): \(event)")
                }
                #expect(session.attemptsFailed <= rules.retries)
                switch session.phase {
                case .turnAround: #expect(session.deadline != nil)
                case .established, .closed: #expect(session.deadline == nil, "\(seed): \(event)")
                case .connecting:
                    #expect((session.deadline == nil) == (rules.connectTimeout == nil))
                case .choosing, .queued: break
                }
                if let connected = session.connectedAt, let assigned = session.assignedAt {
                    #expect(assigned <= connected && connected <= now)
                }
            }
            #expect(finishes <= 1, "\(seed)")
            #expect((finishes == 1) == (session.phase == .closed), "\(seed)")
            #expect(connects <= rules.retries + 1, "\(seed)")
        }
        let expected = ["SC", "sC", "sQ", "CQ", "CC", "--", "cQ", "cC", "RC", "K-"]
        #expect(endings.isSuperset(of: expected))
    }
}
