import Balancing
import Primitives
import Testing

@Suite struct WaitingLinesTests {
    @Test("A free place goes to who has waited longest, whether for this server or for any")
    func order() {
        var lines = WaitingLines<String>()
        _ = lines.append("a", for: nil)
        _ = lines.append("b", for: 1)
        _ = lines.append("c", for: nil)
        _ = lines.append("d", for: 2)
        #expect(lines.next(for: 1, orAny: true)?.waiter == "a")
        #expect(lines.next(for: 1, orAny: true)?.waiter == "b")
        #expect(lines.next(for: 1, orAny: true)?.waiter == "c")
        #expect(lines.next(for: 1, orAny: true) == nil)
        #expect(lines.hasWaiter(for: 2, orAny: false))
        #expect(lines.next(for: 2, orAny: true)?.waiter == "d")
        #expect(lines.count == 0)
    }

    @Test("A backup that is not in use serves only those who wait for it")
    func notAny() {
        var lines = WaitingLines<String>()
        _ = lines.append("a", for: nil)
        _ = lines.append("b", for: 1)
        #expect(!lines.hasWaiter(for: 0, orAny: false))
        #expect(lines.next(for: 0, orAny: false) == nil)
        #expect(lines.next(for: 1, orAny: false)?.waiter == "b")
        #expect(lines.next(for: 0, orAny: true)?.waiter == "a")
    }

    @Test("Who has left is not called, and leaves only once")
    func leaving() {
        var lines = WaitingLines<Int>()
        let tickets = (0..<100).map { lines.append($0, for: nil) }
        for number in stride(from: 0, to: 100, by: 2) {
            #expect(lines.remove(tickets[number]) == number)
            #expect(lines.remove(tickets[number]) == nil)
        }
        for number in stride(from: 1, to: 100, by: 2) {
            #expect(lines.next(for: 7, orAny: true)?.waiter == number)
        }
        #expect(lines.next(for: 7, orAny: true) == nil)
        #expect(lines.remove(tickets[99]) == nil)
    }

    @Test("Whatever happens, it is as one list would be", arguments: 0..<40 as Range<UInt64>)
    func likeOneList(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var lines = WaitingLines<Int>()
        var list: [(waiter: Int, server: Int?, ticket: WaitingLines<Int>.Ticket)] = []
        for number in 0..<2000 {
            switch random.next() % 8 {
            case 0...3:
                let wanted = Int(random.next() % 4)
                let server = wanted == 3 ? nil : wanted
                list.append((number, server, lines.append(number, for: server)))
            case 4:
                guard !list.isEmpty else { continue }
                let gone = list.remove(at: Int(random.next() % UInt64(list.count)))
                #expect(lines.remove(gone.ticket) == gone.waiter)
                #expect(lines.remove(gone.ticket) == nil)
            default:
                let server = Int(random.next() % 3)
                let orAny = random.next() % 3 != 0
                let place = list.firstIndex { $0.server == server || orAny && $0.server == nil }
                #expect(lines.hasWaiter(for: server, orAny: orAny) == (place != nil))
                let next = lines.next(for: server, orAny: orAny)
                let expected = place.map { list.remove(at: $0) }
                #expect(next?.waiter == expected?.waiter)
                #expect(next?.ticket == expected?.ticket)
            }
            #expect(lines.count == list.count)
        }
    }
}
