import Primitives
import Testing

@testable import Rules

@Suite struct ConditionTests {
    private static let yes = Condition.Term(anyOf: [Criterion(.always(true), .truth)])
    private static let no = Condition.Term(anyOf: [Criterion(.always(false), .truth)])
    /// Unknown while more may come, and false then.
    private static let open = Condition.Term(
        anyOf: [Criterion(.requestLength, .integers([1...9]))]
    )

    private static func not(_ term: Condition.Term) -> Condition.Term {
        Condition.Term(anyOf: term.anyOf, isNegated: !term.isNegated)
    }

    @Test(
        "And, or, not and unless follow HAProxy's three values",
        arguments: [
            ([[yes]], false, Truth.yes), ([[no]], false, .no), ([[open]], false, .unknown),
            ([[yes, yes]], false, .yes), ([[yes, no]], false, .no), ([[no, open]], false, .no),
            ([[yes, open]], false, .unknown), ([[no], [yes]], false, .yes),
            ([[open], [yes]], false, .yes), ([[no], [open]], false, .unknown),
            ([[not(no)]], false, .yes), ([[not(open)]], false, .unknown),
            ([[yes]], true, .no), ([[no]], true, .yes), ([[open]], true, .unknown),
        ]
    )
    func truth(groups: [[Condition.Term]], isInverted: Bool, expected: Truth) {
        var facts = TestFacts()
        let none: [UInt8] = []
        let condition = Condition(groups: groups, isInverted: isInverted)
        #expect(condition.test(&facts, request: none.span, isFinal: false) == expected)
        // Nothing is unknown at the end.
        #expect(condition.test(&facts, request: none.span, isFinal: true) != .unknown)
    }

    @Test("The lines of one name are alternatives")
    func alternatives() {
        var facts = TestFacts()
        let none: [UInt8] = []
        let term = Condition.Term(
            anyOf: [
                Criterion(.destinationPort, .integers([80...80])),
                Criterion(.destinationPort, .integers([443...443])),
            ]
        )
        let condition = Condition(groups: [[term]])
        #expect(condition.test(&facts, request: none.span, isFinal: true) == .yes)
        facts.destinationPort = 22
        #expect(condition.test(&facts, request: none.span, isFinal: true) == .no)
    }

    @Test("The first rule that holds decides; one that could still hold is waited for")
    func rules() {
        var facts = TestFacts()
        let none: [UInt8] = []
        let some: [UInt8] = [1]
        let list = RuleList([
            .init(.track(.source, table: 7, place: 1)),
            .init(.accept, if: Condition(groups: [[Self.open]])), .init(.reject),
        ])
        #expect(list.decide(&facts, request: none.span, isFinal: false) == .waits)
        #expect(facts.tracked == [1: 7])
        #expect(list.decide(&facts, request: some.span, isFinal: false) == .accepted)
        #expect(list.decide(&facts, request: none.span, isFinal: true) == .rejected)
        #expect(RuleList().decide(&facts, request: none.span, isFinal: false) == .accepted)
    }
}

@Suite struct StickTableTests {
    private static let start = Instant(nanoseconds: 1_000_000_000_000)

    private func table(_ size: Int, expire: Duration? = nil, purges: Bool = true) -> StickTable {
        var settings = StickTableSettings()
        settings.size = size
        settings.expire = expire
        settings.purges = purges
        settings.periods = [
            .connectionCount: .zero, .connectionsNow: .zero, .connectionRate: .seconds(10),
        ]
        return StickTable(settings)
    }

    private func key(_ number: Int) -> StickKey { StickKey(high: 0, low: UInt64(number)) }

    @Test("Connections are counted while they last, and how many there were")
    func counts() {
        var table = table(10)
        let now = Self.start
        #expect(table.counter(.connectionsNow, of: key(1), at: now) == nil)
        for _ in 0..<3 {
            let counted = table.begin(key(1), at: now)
            #expect(counted)
        }
        table.end(key(1), at: now)
        #expect(table.counter(.connectionsNow, of: key(1), at: now) == 2)
        #expect(table.counter(.connectionCount, of: key(1), at: now) == 3)
        #expect(table.counter(.sessionCount, of: key(1), at: now) == nil)
        #expect(table.counter(.connectionsNow, of: key(2), at: now) == nil)
    }

    @Test("A rate falls as its period passes")
    func rates() {
        var table = table(10)
        let now = Self.start
        for _ in 0..<10 { _ = table.begin(key(1), at: now) }
        #expect(table.counter(.connectionRate, of: key(1), at: now) == 10)
        let later = now + .seconds(9)
        #expect(table.counter(.connectionRate, of: key(1), at: later) == 10)
        // Half of the period before still counts.
        #expect(table.counter(.connectionRate, of: key(1), at: now + .seconds(15)) == 5)
        #expect(table.counter(.connectionRate, of: key(1), at: now + .seconds(21)) == 0)
    }

    @Test("A full table lets go of the entry that nobody has used for longest, and of none in use")
    func bounded() {
        var table = table(3)
        var now = Self.start
        for number in 1...3 {
            now = now + .milliseconds(1)
            table.stick(key(number), to: Int32(number), at: now)
        }
        let first = table.server(of: key(1), at: now)
        #expect(first == 1)
        table.stick(key(4), to: 4, at: now)
        #expect(table.count == 3)
        let second = table.server(of: key(2), at: now)
        #expect(second == nil)
        for number in [1, 3, 4] {
            let counted = table.begin(key(number), at: now)
            #expect(counted)
        }
        let refused = table.begin(key(5), at: now)
        #expect(!refused)
        table.end(key(3), at: now)
        let taken = table.begin(key(5), at: now)
        #expect(taken)
        #expect(table.count == 3)
        var strict = self.table(1, purges: false)
        strict.stick(key(1), to: 1, at: now)
        strict.stick(key(2), to: 2, at: now)
        let kept = strict.server(of: key(1), at: now)
        #expect(kept == 1)
    }

    @Test("An entry is gone when nobody used it for its time, but not while a session counts at it")
    func expiry() {
        var table = table(10, expire: .seconds(60))
        let now = Self.start
        table.stick(key(1), to: 1, at: now)
        _ = table.begin(key(2), at: now)
        let early = table.server(of: key(1), at: now + .seconds(59))
        #expect(early == 1)
        let late = table.server(of: key(1), at: now + .seconds(120))
        #expect(late == nil)
        #expect(table.counter(.connectionsNow, of: key(2), at: now + .seconds(600)) == 1)
        table.end(key(2), at: now + .seconds(600))
        #expect(table.counter(.connectionsNow, of: key(2), at: now + .seconds(661)) == nil)
        table.stick(key(3), to: 3, at: now + .seconds(700))
        #expect(table.count == 1)
    }

    @Test("Whatever is done with a table, it stays within its size and its counts are right")
    func property() {
        var random = SeededGenerator(seed: 99)
        var table = table(20, expire: .milliseconds(500))
        var open: [Int: Int] = [:]
        var now = Self.start
        for _ in 0..<20_000 {
            now = now + .milliseconds(Int64(random.next() % 50))
            let number = Int(random.next() % 60)
            switch random.next() % 4 {
            case 0, 1: if table.begin(key(number), at: now) { open[number, default: 0] += 1 }
            case 2:
                if let count = open[number], count > 0 {
                    table.end(key(number), at: now)
                    open[number] = count - 1
                }
            default: table.stick(key(number), to: 1, at: now)
            }
            #expect(table.count <= 20)
            if let count = open[number], count > 0 {
                #expect(table.counter(.connectionsNow, of: key(number), at: now) == count)
            }
        }
    }
}
