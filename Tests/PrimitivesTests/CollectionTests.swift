import Primitives
import Testing

@Suite struct BoundedQueueTests {
    @Test("What does not fit is refused and counted; what is in comes out in order")
    func bounds() {
        var queue = BoundedQueue<Int>(limit: 2)
        let accepted = [queue.append(1), queue.append(2), queue.append(3)]
        #expect(accepted == [true, true, false])
        #expect(queue.count == 2 && queue.refused == 1 && queue.first == 1)
        let oldest = queue.popFirst()
        #expect(oldest == 1)
        queue.append(4)
        #expect(Array(queue) == [2, 4])
        queue.removeAll()
        let none = queue.popFirst()
        #expect(queue.isEmpty && none == nil && queue.refused == 1)
    }

    @Test("Dropping the oldest keeps the newest")
    func oldest() {
        var queue = BoundedQueue<Int>(limit: 3)
        for number in 1...5 { queue.appendDroppingOldest(number) }
        #expect(Array(queue) == [3, 4, 5] && queue.refused == 2)
    }

    @Test("A queue of limit 0 holds nothing and counts everything")
    func zero() {
        var queue = BoundedQueue<Int>(limit: 0)
        let accepted = queue.append(1)
        #expect(!accepted)
        queue.appendDroppingOldest(2)
        #expect(queue.isEmpty && queue.refused == 2)
    }
}

@Suite struct SeededGeneratorTests {
    @Test("SplitMix64's published numbers follow from the seed")
    func vectors() {
        var generator = SeededGenerator(seed: 1_234_567)
        let numbers = (0..<3).map { _ in generator.next() }
        #expect(
            numbers
                == [
                    6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423,
                ]
        )
    }

    @Test(
        "The same seed is the same future; another is another; 0 % never and 100 % always happens"
    )
    func futures() {
        var one = SeededGenerator(seed: 7)
        var same = SeededGenerator(seed: 7)
        var other = SeededGenerator(seed: 8)
        let numbers = (0..<100).map { _ in one.next() }
        let again = (0..<100).map { _ in same.next() }
        let others = (0..<100).map { _ in other.next() }
        #expect(numbers == again && numbers != others)
        let never = (0..<1000).filter { _ in one.chance(percent: 0) }.count
        let always = (0..<1000).filter { _ in one.chance(percent: 100) }.count
        #expect(never == 0 && always == 1000)
    }
}

@Suite struct SpellingTests {
    @Test(
        "A slip finds the keyword that was meant",
        arguments: [
            ("virtual_routr_id", "virtual_router_id"), ("prioirty", "priority"),
            ("inteface", "interface"),
            ("advert_intt", "advert_int"),
        ]
    )
    func slips(word: String, meant: String) {
        let known = ["virtual_router_id", "priority", "interface", "advert_int", "state"]
        #expect(Spelling.nearest(to: word, among: known) == meant)
    }

    @Test("What is like no keyword finds none", arguments: ["", "xyzzy", "virtual"])
    func strangers(word: String) {
        #expect(Spelling.nearest(to: word, among: ["virtual_router_id", "priority"]) == nil)
    }

    @Test("A word of a megabyte costs no more than one of 64 bytes")
    func long() {
        let word = String(repeating: "a", count: 1 << 20)
        #expect(Spelling.nearest(to: word, among: ["priority"]) == nil)
    }
}

@Suite struct DiagnosticTests {
    @Test("A diagnostic reads FILE:LINE: SEVERITY: MESSAGE (MEND)")
    func text() {
        let place = SourceLocation(file: "/etc/tandem/haproxy.cfg", line: 12)
        let full = Diagnostic(.error, at: place, "unknown keyword 'bnid'", mend: "write 'bind'")
        #expect(
            full.description
                == "/etc/tandem/haproxy.cfg:12: error: unknown keyword 'bnid' (write 'bind')"
        )
        #expect(Diagnostic(.warning, at: nil, "empty").description == "warning: empty")
        #expect(Diagnostic.Severity.warning < .error)
    }
}
