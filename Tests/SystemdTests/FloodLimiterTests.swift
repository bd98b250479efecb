import Primitives
import Testing

@testable import Systemd

@Suite("Floods of log lines")
struct FloodLimiterTests {
    private let start = Instant(nanoseconds: 1_000_000_000)

    private func site(_ line: UInt, _ subject: String = "") -> FloodLimiter.Site {
        FloodLimiter.Site(file: "A/B.swift", line: line, subject: subject)
    }

    @Test("A burst passes, the rest of the interval is held back and told, then it begins anew")
    func burst() {
        var limiter = FloodLimiter(burst: 3, interval: .seconds(10))
        let passed = (0..<100).filter {
            limiter.admits(
                site(1),
                text: "packet \($0)",
                at: start + .milliseconds(Int64($0))
            )
        }
        #expect(passed == [0, 1, 2])
        let early = limiter.reports(at: start + .milliseconds(9999))
        #expect(early == [])
        let reports = limiter.reports(at: start + .seconds(10))
        #expect(
            reports == [FloodLimiter.Report(count: 97, sample: "packet 3", within: .seconds(10))]
        )
        #expect(
            reports.first?.description
                == "97 more lines like this one within 10 s were left out: packet 3"
        )
        let again = limiter.reports(at: start + .seconds(10))
        #expect(again == [], "it is told once")
        let passes = limiter.admits(site(1), text: "packet", at: start + .seconds(10))
        #expect(passes)
    }

    @Test("What is rare is never touched, and tells of nothing")
    func rare() {
        var limiter = FloodLimiter(burst: 3, interval: .seconds(10))
        for second in 0..<1000 {
            let now = start + .seconds(Int64(second) * 4)
            let reports = limiter.reports(at: now)
            #expect(reports == [])
            let passes = limiter.admits(site(1), text: "x", at: now)
            #expect(passes)
        }
    }

    @Test("One place does not silence another, nor one subject another's")
    func independent() {
        var limiter = FloodLimiter(burst: 1, interval: .seconds(10))
        let first = limiter.admits(site(1, "VI_1"), text: "x", at: start)
        #expect(first)
        let second = limiter.admits(site(1, "VI_1"), text: "x", at: start)
        #expect(!second)
        let otherSubject = limiter.admits(site(1, "VI_2"), text: "x", at: start)
        #expect(otherSubject)
        let otherPlace = limiter.admits(site(2, "VI_1"), text: "x", at: start)
        #expect(otherPlace)
    }

    @Test("The table is bounded: beyond it places share one count, and afterwards all is forgotten")
    func bounded() {
        var limiter = FloodLimiter(burst: 2, interval: .seconds(10), capacity: 8)
        var passed = 0
        for number in 0..<10_000 {
            if limiter.admits(site(UInt(number)), text: "line \(number)", at: start) { passed += 1 }
        }
        #expect(limiter.sites <= 9)
        #expect(passed == 8 + 2)
        let reports = limiter.reports(at: start + .seconds(10))
        #expect(reports.map(\.count) == [10_000 - 10])
        #expect(limiter.sites == 0)
    }

    @Test("A sample is short, however long the line was")
    func sample() {
        var limiter = FloodLimiter(burst: 0, interval: .seconds(1))
        let long = String(repeating: "ä", count: 100_000)
        _ = limiter.admits(site(1), text: long, at: start)
        _ = limiter.admits(site(1), text: long, at: start)
        let sample = limiter.reports(at: start + .seconds(1)).first?.sample
        #expect((sample?.utf8.count ?? 0) > 100 && (sample?.utf8.count ?? 0) <= 200)
    }
}
